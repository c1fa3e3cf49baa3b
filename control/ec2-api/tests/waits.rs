//! What a call leaves to the agent has come about when the call is answered, so that a client's waiter need not wait.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests fail them as their own lines do"
)]

mod support;

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use eni_model::{Reports, Source, Transition, World, plan_transitions};
use eni_region::Region;
use eni_types::{AttachmentStatus, InstanceState};
use tokio::time::{sleep, timeout};

use support::{Connection, Endpoint, ec2_signer, text_of};

/// How long the agent of these tests takes: longer than any call, shorter than any bound.
const AGENT_DELAY: Duration = Duration::from_millis(50);
/// Longer than an answer waits.
const PATIENCE: Duration = Duration::from_secs(20);
/// A call that does not wait takes a few milliseconds.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Reports all that is asked for, a while after it was published.
async fn agent(region: Arc<Region>) {
    let mut revisions = region.subscribe();
    loop {
        sleep(AGENT_DELAY).await;
        let news = region.read(news);
        let report = region.submit(region.owner(), 0, move |world, context| {
            Ok((plan_transitions(world, &news, context.now), ()))
        });
        report.await.unwrap();
        if revisions.changed().await.is_err() {
            return;
        }
    }
}

fn news(world: &World) -> Vec<Transition> {
    let attachments = world.network_interfaces.iter().filter_map(|eni| {
        let attachment = eni.attachment.as_ref()?;
        let attachment_id = attachment.attachment_id;
        match attachment.status {
            AttachmentStatus::Attaching => Some(Transition::AttachmentAttached { attachment_id }),
            AttachmentStatus::Detaching => Some(Transition::AttachmentDetached { attachment_id }),
            AttachmentStatus::Attached | AttachmentStatus::Detached => None,
        }
    });
    let instances = world.instances.iter().filter_map(|instance| {
        let (instance_id, boot_count) = (instance.instance_id, instance.boot_count);
        match instance.state {
            InstanceState::Pending => Some(Transition::InstanceRunning {
                instance_id,
                boot_count,
            }),
            InstanceState::Stopping => Some(Transition::InstanceStopped {
                instance_id,
                boot_count,
            }),
            InstanceState::ShuttingDown => Some(Transition::InstanceTerminated { instance_id }),
            InstanceState::Running | InstanceState::Stopped | InstanceState::Terminated => None,
        }
    });
    attachments.chain(instances).collect()
}

/// The form of a launch of `count` instances.
async fn launch(endpoint: &Endpoint, count: usize) -> String {
    let images = "Action=DescribeImages&Version=2016-11-15&Owner.1=amazon";
    let (_, images) = endpoint.call(images).await;
    let instance_type = match text_of(&images, "architecture").as_str() {
        "arm64" => "t4g.medium",
        _ => "t3.medium",
    };
    format!(
        "Action=RunInstances&Version=2016-11-15&ImageId={}&InstanceType={instance_type}&MinCount={count}&MaxCount={count}",
        text_of(&images, "imageId"),
    )
}

/// The states of the instances in an answer, or of their attachments.
fn states(document: &str, element: &str) -> Vec<String> {
    let open = format!("<{element}>");
    let states = document.split(&open).skip(1).map(|part| match element {
        "currentState" | "instanceState" => text_of(part, "name"),
        _ => text_of(part, "status"),
    });
    states.collect()
}

async fn must(endpoint: &Endpoint, form: &str) -> String {
    let answer = timeout(PATIENCE, endpoint.call(form)).await.unwrap();
    assert_eq!(answer.0, 200, "{form}: {}", answer.1);
    answer.1
}

#[tokio::test]
async fn what_packets_may_do_is_answered_when_the_tables_have_followed() {
    let endpoint = Endpoint::start().await;
    let region = Arc::clone(&endpoint.region);
    let groups = "Action=DescribeSecurityGroups&Version=2016-11-15";
    let group = text_of(&must(&endpoint, groups).await, "groupId");
    let permission = "&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22\
                      &IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8";
    let form = |action: &str| {
        format!(
            "Action={action}SecurityGroupIngress&Version=2016-11-15&GroupId={group}{permission}"
        )
    };
    // As long as no host follows the region, nothing is waited for.
    let authorized = timeout(AT_ONCE, endpoint.call(&form("Authorize"))).await;
    assert_eq!(authorized.unwrap().0, 200);

    region.wake_on_publication(Waker::noop().clone());
    region.followed(region.snapshot().revision().0);
    let form = form("Revoke");
    let mut revoked = std::pin::pin!(endpoint.call(&form));
    assert!(timeout(AGENT_DELAY, &mut revoked).await.is_err());
    // What changes no packet is answered meanwhile.
    let tags = format!("Action=CreateTags&Version=2016-11-15&ResourceId.1={group}&Tag.1.Key=a");
    assert_eq!(timeout(AT_ONCE, endpoint.call(&tags)).await.unwrap().0, 200);
    region.followed(region.snapshot().revision().0);
    assert_eq!(timeout(AT_ONCE, revoked).await.unwrap().0, 200);
}

#[tokio::test]
async fn the_first_look_after_an_answer_sees_the_final_state() {
    let endpoint = Endpoint::start().await;
    tokio::spawn(agent(Arc::clone(&endpoint.region)));
    let launched = must(&endpoint, &launch(&endpoint, 3).await).await;
    assert_eq!(states(&launched, "instanceState"), ["pending"; 3]);
    let id = text_of(&launched, "instanceId");
    let described = must(&endpoint, "Action=DescribeInstances&Version=2016-11-15").await;
    assert_eq!(states(&described, "instanceState"), ["running"; 3]);

    let one = format!("Action=DescribeInstances&Version=2016-11-15&InstanceId.1={id}");
    for (action, answered, reached) in [
        ("StopInstances", "stopping", "stopped"),
        ("StartInstances", "pending", "running"),
        ("TerminateInstances", "shutting-down", "terminated"),
    ] {
        let form = format!("Action={action}&Version=2016-11-15&InstanceId.1={id}");
        let answer = must(&endpoint, &form).await;
        assert_eq!(states(&answer, "currentState"), [answered], "{action}");
        let described = must(&endpoint, &one).await;
        assert_eq!(states(&described, "instanceState"), [reached], "{action}");
    }
}

#[tokio::test]
async fn an_attachment_carries_packets_or_is_gone_when_it_is_answered() {
    let endpoint = Endpoint::start().await;
    tokio::spawn(agent(Arc::clone(&endpoint.region)));
    let launched = must(&endpoint, &launch(&endpoint, 1).await).await;
    let (id, subnet) = (
        text_of(&launched, "instanceId"),
        text_of(&launched, "subnetId"),
    );
    let create = format!("Action=CreateNetworkInterface&Version=2016-11-15&SubnetId={subnet}");
    let eni = text_of(&must(&endpoint, &create).await, "networkInterfaceId");
    let attach = format!(
        "Action=AttachNetworkInterface&Version=2016-11-15&NetworkInterfaceId={eni}&InstanceId={id}&DeviceIndex=1"
    );
    let attachment = text_of(&must(&endpoint, &attach).await, "attachmentId");
    let describe =
        format!("Action=DescribeNetworkInterfaces&Version=2016-11-15&NetworkInterfaceId.1={eni}");
    let described = must(&endpoint, &describe).await;
    assert_eq!(states(&described, "attachment"), ["attached"]);
    let detach =
        format!("Action=DetachNetworkInterface&Version=2016-11-15&AttachmentId={attachment}");
    must(&endpoint, &detach).await;
    let described = must(&endpoint, &describe).await;
    assert_eq!(states(&described, "attachment"), [""; 0]);
    assert!(
        described.contains("<status>available</status>"),
        "{described}"
    );
}

/// Where nothing comes about, an answer still comes, and holds nobody else up.
#[tokio::test]
async fn a_wait_is_bounded_is_its_callers_alone_and_outlives_no_caller() {
    let endpoint = Endpoint::start().await;
    let form = launch(&endpoint, 1).await + "&ClientToken=once";
    let mut gone = Connection::open(endpoint.address).await;
    let signer = ec2_signer();
    let hung_up = timeout(4 * AGENT_DELAY, gone.post(&signer, &form)).await;
    assert!(hung_up.is_err(), "answered before the instance runs");
    drop(gone);

    // The change of the caller who has gone stands, and a repetition of it waits as well.
    let started = Instant::now();
    let repeated = must(&endpoint, &form);
    let meanwhile = async {
        let described = must(&endpoint, "Action=DescribeInstances&Version=2016-11-15").await;
        assert_eq!(states(&described, "instanceState"), ["pending"]);
        let create = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16";
        must(&endpoint, create).await;
        started.elapsed()
    };
    let (launched, meanwhile) = tokio::join!(repeated, meanwhile);
    assert_eq!(states(&launched, "instanceState"), ["pending"]);
    assert!(meanwhile < AT_ONCE, "others waited {meanwhile:?}");
    assert!(started.elapsed() > AT_ONCE, "answered before it was so");
}
