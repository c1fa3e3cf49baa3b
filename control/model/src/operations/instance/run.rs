//! `RunInstances`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use eni_types::{InstanceId, InstanceState, ReservationId, TypedId, quota};

use super::launch_network::{LaunchNetwork, LaunchedInterface};
use super::settings::{check_choice, read_user_data, tags_of};
use crate::api::instance::{ReservationDescription, RunInstances};
use crate::describe::Scope;
use crate::instance_types::InstanceType;
use crate::operations::claims::Claims;
use crate::operations::{image, instance_type, key_pair, volume};
use crate::resource::{
    Address, IamInstanceProfileAssociation, Instance, InstanceProfile, SecurityGroup, Vpc,
};
use crate::{
    Action, Await, Change, ChangeSet, ClientToken, Context, Ec2Error, ErrorCode, Operation,
    Planned, Resource, World,
};

/// The type that EC2 launches where none is named.
const DEFAULT_INSTANCE_TYPE: &str = "m1.small";

/// The answer: the reservation.
pub type RunInstancesResponse = ReservationDescription;

/// Launches instances.
impl Operation for RunInstances {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_what_is_absent()?;
        let token = self.client_token.as_deref();
        if let Some(made) = ClientToken::made_before(Self::NAME, token, world, context)? {
            let response = described(made, Scope::new(world, context));
            return Ok((ChangeSet::none(), response));
        }
        let count = self.count(world)?;
        let instance_type = self.checked_type()?;
        self.refuse_other_processors(instance_type)?;
        let network = LaunchNetwork::check(&self, count, instance_type, world, context)?;
        let template = self.template(instance_type, &network, world, context)?;
        let profile = self.iam_instance_profile.as_ref();
        let profile = profile.filter(|given| !given.is_empty());
        let profile = profile
            .map(|given| given.known(world, context.region))
            .transpose()?;
        let mut changes = launch(&template, &network, count, world, context)?;
        if let Some(profile) = profile {
            associate(profile, &mut changes, context);
        }
        if let Some(token) = token {
            let made = template.reservation_id;
            changes.put(ClientToken::record(Self::NAME, token, made, context));
        }
        let shown = world_of(&changes, world);
        let response = described(template.reservation_id, Scope::new(&shown, context));
        Ok((changes, response))
    }

    /// Of a repeated call too: whoever sends it again has not seen that the instances run.
    fn response_awaits(response: &Self::Response) -> Option<Await> {
        Some(Await::Launch(response.reservation_id))
    }
}

/// Makes `count` instances like `template`, each with interfaces of its own.
fn launch(
    template: &Instance,
    network: &LaunchNetwork<'_>,
    count: u32,
    world: &World,
    context: &mut Context<'_>,
) -> Result<ChangeSet, Ec2Error> {
    let (mut changes, mut claims) = (ChangeSet::none(), Claims::default());
    for ami_launch_index in 0..count {
        let instance = Instance {
            instance_id: InstanceId::generate(context.ids),
            ami_launch_index,
            ..template.clone()
        };
        let launched = network.launch(instance.instance_id, &mut claims, world, context)?;
        changes.put(instance);
        for LaunchedInterface { eni, lent } in launched {
            changes.put(eni);
            lent.into_iter().for_each(|address| changes.put(address));
        }
    }
    Ok(changes)
}

/// Gives the profile to all instances that `changes` make.
fn associate(profile: &InstanceProfile, changes: &mut ChangeSet, context: &mut Context<'_>) {
    let made: Vec<InstanceId> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Put(Resource::Instance(instance)) => Some(instance.instance_id),
            _ => None,
        })
        .collect();
    for id in made {
        changes.put(IamInstanceProfileAssociation::new(id, profile, context));
    }
}

/// What `changes` make, beside what their description refers to in `world`.
fn world_of(changes: &ChangeSet, world: &World) -> World {
    let mut shown = World::default();
    shown.apply(changes);
    let interfaces: Vec<_> = shown.network_interfaces.iter().cloned().collect();
    for eni in interfaces {
        if let Some(vpc) = world.vpcs.get(eni.vpc_id) {
            shown.put(Vpc::clone(vpc).into());
        }
        for id in &eni.group_ids {
            if let Some(group) = world.security_groups.get(*id) {
                shown.put(SecurityGroup::clone(group).into());
            }
        }
        let key = eni.network_interface_id;
        for address in world.addresses.by(&key) {
            shown.put(Address::clone(address).into());
        }
    }
    shown
}

fn described(reservation_id: ReservationId, scope: Scope<'_>) -> ReservationDescription {
    let key = reservation_id;
    let instances: Vec<_> = scope.world.instances.by(&key).cloned().collect();
    ReservationDescription::new(reservation_id, &instances, scope)
}

impl RunInstances {
    /// How many instances are launched: as many as may be, but not fewer than `MinCount`.
    fn count(&self, world: &World) -> Result<u32, Ec2Error> {
        let invalid = |message: String| Err(ErrorCode::InvalidParameterValue.with(message));
        if self.min_count < 1 {
            return invalid(format!(
                "Value ({}) for parameter minCount is invalid. Must be greater than or equal to 1.",
                self.min_count
            ));
        }
        if self.max_count < self.min_count {
            return invalid(format!(
                "Value ({}) for parameter maxCount is invalid. Must be greater than or equal to minCount.",
                self.max_count
            ));
        }
        let live = world
            .instances
            .iter()
            .filter(|instance| !instance.is_terminated())
            .count();
        let room = quota::INSTANCES_PER_REGION.saturating_sub(live);
        let room = u32::try_from(room).unwrap_or(u32::MAX);
        if self.min_count > room {
            let message = format!(
                "You have requested more instances ({}) than your current instance limit of {} allows.",
                live + self.min_count as usize,
                quota::INSTANCES_PER_REGION
            );
            return Err(ErrorCode::InstanceLimitExceeded.with(message));
        }
        Ok(self.max_count.min(room))
    }

    /// The type, if the image runs on it.
    fn checked_type(&self) -> Result<&'static InstanceType, Ec2Error> {
        let image = image::known(self.image_id)?;
        let name = self
            .instance_type
            .as_deref()
            .unwrap_or(DEFAULT_INSTANCE_TYPE);
        let instance_type = instance_type::known(name)?;
        instance_type::check_architecture(instance_type, image.architecture)?;
        Ok(instance_type)
    }

    /// The row that all instances of the launch share but for id and launch index.
    fn template(
        &self,
        instance_type: &'static InstanceType,
        network: &LaunchNetwork<'_>,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<Instance, Ec2Error> {
        let given = self.instance_initiated_shutdown_behavior.as_deref();
        let behavior = given.unwrap_or("stop");
        check_choice(
            "instanceInitiatedShutdownBehavior",
            behavior,
            &["stop", "terminate"],
        )?;
        let credits = self.credit_specification.as_ref();
        let cpu_credits = credits.and_then(|given| given.cpu_credits.clone());
        if let Some(credits) = &cpu_credits {
            check_choice("cpuCredits", credits, &["standard", "unlimited"])?;
        }
        let key = self.key_name.as_deref();
        let key = key.map(|name| key_pair::named(world, name)).transpose()?;
        let user_data = self.user_data.as_deref().map(read_user_data).transpose()?;
        let subnet = network.primary_subnet();
        let tags = tags_of("instance", &self.tag_specifications)?;
        let metadata_options =
            self.metadata_options_of_launch(instance_type, &tags, world, context)?;
        Ok(Instance {
            instance_id: InstanceId::generate(context.ids),
            reservation_id: ReservationId::generate(context.ids),
            ami_launch_index: 0,
            image_id: self.image_id,
            instance_type,
            subnet_id: subnet.subnet_id,
            vpc_id: subnet.vpc_id,
            availability_zone: subnet.availability_zone.clone(),
            state: InstanceState::Pending,
            transition: None,
            launch_time: context.now,
            boot_count: 1,
            has_run: false,
            impaired_since: None,
            user_data: user_data.flatten(),
            public_key: key.map(|pair| pair.public_key.clone()),
            key_name: self.key_name.clone(),
            disable_api_termination: self.disable_api_termination.unwrap_or(false),
            disable_api_stop: self.disable_api_stop.unwrap_or(false),
            instance_initiated_shutdown_behavior: behavior.into(),
            ebs_optimized: self.ebs_optimized.unwrap_or(false),
            metadata_options,
            private_dns_names: self.private_dns_names(subnet)?,
            cpu_credits,
            block_devices: volume::block_devices(
                &self.block_device_mappings,
                &tags_of("volume", &self.tag_specifications)?,
            )?,
            client_token: self.client_token.clone(),
            tags,
        })
    }
}
