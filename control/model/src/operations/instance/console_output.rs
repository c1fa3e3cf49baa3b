//! `GetConsoleOutput`.

use alloc::string::{String, ToString};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eni_query::FromQuery;
use eni_types::InstanceId;
use serde::Serialize;

use crate::operations::lookup;
use crate::{ChangeSet, Console, Context, Ec2Error, Operation, World};

/// Gives what an instance has printed: the output of its boot script, and why one was not run. Also of instances that are
/// stopped, and of terminated ones as long as they are described.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct GetConsoleOutput {
    /// The instance.
    pub instance_id: InstanceId,
    /// Without effect: what is given is always the latest. EC2 gives what it had soon after the last change of state, and
    /// the latest only of instances built on Nitro.
    pub latest: Option<bool>,
}

/// The answer. An instance that has printed nothing yet has no output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetConsoleOutputResponse {
    instance_id: InstanceId,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
}

impl Operation for GetConsoleOutput {
    const NAME: &'static str = "GetConsoleOutput";
    const MUTATES: bool = false;
    type Response = GetConsoleOutputResponse;

    fn plan(
        self,
        world: &World,
        _context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let instance = lookup::instance(world, self.instance_id)?;
        let response = GetConsoleOutputResponse {
            instance_id: instance.instance_id,
            timestamp: instance.launch_time.to_string(),
            output: None,
        };
        Ok((ChangeSet::none(), response))
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
