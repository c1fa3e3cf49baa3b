//! `GetConsoleOutput`.

use alloc::string::ToString;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eni_types::InstanceId;

use crate::api::instance::{GetConsoleOutput, GetConsoleOutputResponse};
use crate::{ChangeSet, Console, Context, Operation, Planned, World};

/// Gives what an instance has printed: the output of its boot script, and why one was not run. Also of instances that
/// are stopped, and of terminated ones as long as they are described.
impl Operation for GetConsoleOutput {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let instance = world.instances.known(self.instance_id)?;
        ChangeSet::none().answered(GetConsoleOutputResponse {
            instance_id: instance.instance_id,
            timestamp: instance.launch_time.to_string(),
            output: None,
        })
    }

    fn wants_console(response: &Self::Response) -> Option<InstanceId> {
        Some(response.instance_id)
    }

    fn show_console(response: &mut Self::Response, console: &Console) {
        response.timestamp = console.written.to_string();
        if !console.output.is_empty() {
            response.output = Some(STANDARD.encode(&console.output));
        }
    }
}

#[cfg(test)]
mod tests {
    use eni_types::Timestamp;

    use alloc::string::String;

    use super::*;
    use crate::operations::instance::tests::launched;
    use crate::testing::TestWorld;

    #[test]
    fn the_console_of_a_known_instance_is_asked_for_and_shown() {
        let mut region = TestWorld::bootstrapped();
        let instance = launched(&mut region, &[]);
        let id = instance["instanceId"].as_str().unwrap();
        for latest in ["true", "false"] {
            let answer = region.must(
                "GetConsoleOutput",
                &[("InstanceId", id), ("Latest", latest)],
            );
            assert_eq!(answer["instanceId"], id);
            assert_eq!(answer["timestamp"], instance["launchTime"]);
            assert_eq!(answer.get("output"), None);
        }
        let mut response = GetConsoleOutputResponse {
            instance_id: id.parse().unwrap(),
            timestamp: String::new(),
            output: None,
        };
        assert_eq!(GetConsoleOutput::wants_console(&response), id.parse().ok());
        let console = Console {
            output: b"hello\n".into(),
            written: Timestamp(7),
        };
        GetConsoleOutput::show_console(&mut response, &console);
        assert_eq!(response.output.as_deref(), Some("aGVsbG8K"));
        assert_eq!(response.timestamp, "1970-01-01T00:00:00.007Z");
        let unknown = [("InstanceId", "i-0123456789abcdef0")];
        assert_eq!(
            region.refused("GetConsoleOutput", &unknown),
            "InvalidInstanceID.NotFound: The instance ID 'i-0123456789abcdef0' does not exist"
        );
    }
}
