//! Steps in words, for the log and for figures.

use eni_plan::Step;

/// What is done, without to what.
pub(crate) fn step_kind(step: &Step) -> &'static str {
    match step {
        Step::Plug(..) => "plug",
        Step::Configure(..) => "configure",
        Step::Boot(..) => "boot",
        Step::Resolve(..) => "resolve",
        Step::Halt(_) => "halt",
        Step::Withdraw(..) => "withdraw",
        Step::CreateInstance(..) => "create",
        Step::DestroyInstance(_) => "destroy",
        Step::PlugUplink(_) => "plug uplink",
        Step::Cut(..) => "cut",
        Step::Unplug(_) => "unplug",
        Step::Guard(_) => "guard",
        Step::Link(_) => "link",
        Step::WriteVport(..) => "write vport",
        Step::Forget(..) => "forget",
        Step::WriteGlobals(_) => "write globals",
        Step::Announce(_) => "announce",
        Step::Table(change) if change.policy().is_some() => "change rule",
        Step::Table(_) => "change row",
    }
}

/// The step without the contents of rows and boot scripts.
pub(crate) fn step_name(step: &Step) -> String {
    match step {
        Step::Plug(id, interface) => format!("plug {id} into {}", interface.instance_id),
        Step::Configure(id, interface) => format!("configure {id} in {}", interface.instance_id),
        Step::Boot(id, instance) => format!("boot {id} for the time {}", instance.boot_count),
        Step::Resolve(id, _) => format!("tell {id} who resolves names"),
        Step::Halt(id) => format!("halt {id}"),
        Step::Withdraw(id, instance_id) => format!("withdraw {id} from {instance_id}"),
        Step::CreateInstance(id, boot_count) => format!("create {id} for the time {boot_count}"),
        Step::DestroyInstance(id) => format!("destroy {id}"),
        Step::PlugUplink(_) => "plug the uplink".to_owned(),
        Step::Cut(vport, _) => format!("cut vport {vport}"),
        Step::Unplug(vport) => format!("unplug vport {vport}"),
        Step::Guard(vport) => format!("guard vport {vport}"),
        Step::Link(vport) => format!("link the program to vport {vport}"),
        Step::WriteVport(vport, _) => format!("write vport {vport}"),
        Step::Forget(vport, _) => format!("forget vport {vport}"),
        Step::WriteGlobals(_) => "write the globals".to_owned(),
        Step::Announce(announcement) => {
            let address = std::net::IpAddr::from(announcement.key.address);
            format!(
                "announce {address} to {} guests",
                announcement.hearers.len()
            )
        }
        Step::Table(change) => match change.policy() {
            Some(policy) => format!("change a rule of policy {policy}"),
            None => "change a forwarding table".to_owned(),
        },
    }
}
