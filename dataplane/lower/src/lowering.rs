//! Lowering as a state that follows the world.
//!
//! An instance is lowered with its interfaces, all or nothing: an instance has few, and they know of each other. Policies,
//! identities, VPCs, subnets and route tables are lowered as long as a plugged interface uses them. An update lowers again
//! what a change of the world concerns (the module `stale` says what that is), and gives what differs.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use eni_abi::SERVICES_VPORT;
use eni_model::resource::{Attachment, NetworkInterface, ResourceKey};
use eni_model::{RegionSettings, SecurityGroupSet, World};
use eni_types::{AttachmentId, InstanceId, NetworkInterfaceId, RouteTableId, SecurityGroupId};

use crate::delta::Draft;
use crate::endpoints::{Endpoints, Shared};
use crate::interface::{InterfaceNumbers, PluggedInterface, removals};
use crate::nat_gateways::NatGateways;
use crate::networks::Networks;
use crate::numbers::Numbers;
use crate::placement::Placement;
use crate::policies::Policies;
use crate::stale::Stale;
use crate::{
    Delta, Desired, Tables, UPLINK_VPORT, VportNumbers, desired_instance, services, uplink,
};

/// What is desired for a world, and what is needed to follow the world's changes.
#[derive(Clone, Debug)]
pub struct Lowering {
    settings: RegionSettings,
    numbers: Numbers,
    /// What each plugged interface of an instance uses.
    plugged: BTreeMap<InstanceId, Vec<Uses>>,
    networks: Networks,
    nat_gateways: NatGateways,
    endpoints: Endpoints,
    policies: Policies,
    draft: Draft,
    /// Instances that are up with Elastic Fabric Adapters.
    with_adapters: BTreeSet<InstanceId>,
    /// Instances with interfaces that wait for a vport to be free.
    waiting: BTreeSet<InstanceId>,
    /// Interfaces of endpoints that do.
    waiting_endpoints: BTreeSet<NetworkInterfaceId>,
    /// What [`Lowering::check_next`] has come to.
    checked: Checked,
}

/// How far a check of everything has come.
#[derive(Clone, Copy, Debug)]
enum Checked {
    /// To the instances after this one.
    Instances(Option<InstanceId>),
    /// To what they share: so much of it has been looked at. Where some goes meanwhile, the next check finds what is missed.
    Shared(usize),
}

/// What an update gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// What is desired otherwise than before.
    pub delta: Delta,
    /// The instances that were read again: all those of which the world asks for another state, and more.
    pub instances: BTreeSet<InstanceId>,
    /// Whether other Elastic Fabric Adapters may be there, or may converse otherwise.
    pub adapters: bool,
    /// Attachments that pass nothing, because no vport is free.
    pub without_vport: Vec<AttachmentId>,
}

/// What an interface uses as long as it is plugged in.
#[derive(Clone, Debug)]
struct Uses {
    attachment_id: AttachmentId,
    placement: Placement,
    groups: SecurityGroupSet,
}

/// The vports of interfaces.
type Places = BTreeMap<NetworkInterfaceId, u32>;

impl Lowering {
    /// Lowers a world. What `numbers` and `vports` know keeps its number, what they do not gets one.
    #[must_use]
    pub fn new(
        world: &World,
        settings: &RegionSettings,
        numbers: Numbers,
        vports: &mut VportNumbers,
    ) -> (Self, Update) {
        let (uplink, row) = uplink::lower(settings);
        let mut desired = Desired {
            instances: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            uplink,
            tables: Tables::default(),
        };
        let vports_of_all = [(UPLINK_VPORT, row), (SERVICES_VPORT, services::row())];
        desired.tables.vports.extend(vports_of_all);
        let mut lowering = Self {
            settings: settings.clone(),
            numbers,
            plugged: BTreeMap::new(),
            networks: Networks::default(),
            nat_gateways: NatGateways::default(),
            endpoints: Endpoints::default(),
            policies: Policies::default(),
            draft: Draft::new(desired),
            with_adapters: BTreeSet::new(),
            waiting: BTreeSet::new(),
            waiting_endpoints: BTreeSet::new(),
            checked: Checked::Instances(None),
        };
        let all = Stale {
            instances: world.instances.iter().map(|one| one.instance_id).collect(),
            nat_gateways: world
                .nat_gateways
                .iter()
                .map(|one| one.nat_gateway_id)
                .collect(),
            endpoints: endpoints_of(world),
            ..Stale::default()
        };
        let update = lowering.lower_again(all, world, vports);
        lowering.policies.forget_others(&mut lowering.numbers);
        lowering
            .networks
            .forget_others(world, &mut lowering.numbers);
        lowering.nat_gateways.forget_others(&mut lowering.numbers);
        (lowering, update)
    }

    /// What is desired.
    #[must_use]
    pub fn desired(&self) -> &Desired {
        &self.draft.desired
    }

    /// What is desired, and the numbers of what is in use.
    #[must_use]
    pub fn into_parts(self) -> (Desired, Numbers) {
        (self.draft.desired, self.numbers)
    }

    /// Whether an interface has no vport, because none was free.
    #[must_use]
    pub fn lacks_vports(&self) -> bool {
        !self.waiting.is_empty() || !self.waiting_endpoints.is_empty()
    }

    /// The numbers of what is in use.
    #[must_use]
    pub fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Follows the world `before`, the one last followed, to `after`. `changed` names all rows that differ, and may name
    /// more, and some more than once.
    pub fn update<'a>(
        &mut self,
        before: &World,
        after: &World,
        changed: impl IntoIterator<Item = &'a ResourceKey>,
        vports: &mut VportNumbers,
    ) -> Update {
        let mut stale = Stale::default();
        for key in changed {
            stale.add(key, before, after);
        }
        self.lower_again(stale, after, vports)
    }

    /// Lowers the next `count` instances of the world last followed again although nothing has changed, or as much of what they
    /// share. A delta is a mistake of [`Lowering::update`], and is mended by it.
    pub fn check_next(&mut self, world: &World, count: usize, vports: &mut VportNumbers) -> Update {
        let mut stale = Stale::default();
        self.checked = match self.checked {
            Checked::Instances(last) => self.add_instances_after(last, count, world, &mut stale),
            Checked::Shared(from) => self.add_shared_from(from, count, world, &mut stale),
        };
        self.lower_again(stale, world, vports)
    }

    fn add_instances_after(
        &self,
        last: Option<InstanceId>,
        count: usize,
        world: &World,
        stale: &mut Stale,
    ) -> Checked {
        let is_next = |id: &InstanceId| Some(*id) > last;
        let of_world: Vec<InstanceId> = match last {
            Some(last) => ids(world.instances.iter_from(last), is_next, count),
            None => ids(world.instances.iter(), is_next, count),
        };
        let here = self.plugged.keys().copied().filter(is_next).take(count);
        stale.instances.extend(of_world.into_iter().chain(here));
        while stale.instances.len() > count {
            stale.instances.pop_last();
        }
        match stale.instances.last() {
            Some(last) if stale.instances.len() == count => Checked::Instances(Some(*last)),
            _ => Checked::Shared(0),
        }
    }

    fn add_shared_from(
        &self,
        from: usize,
        count: usize,
        world: &World,
        stale: &mut Stale,
    ) -> Checked {
        let (groups, network_acls) = self.policies.in_use();
        let (vpcs, route_tables) = self.networks.in_use();
        let groups = groups.into_iter().map(ResourceKey::SecurityGroup);
        let network_acls = network_acls.into_iter().map(ResourceKey::NetworkAcl);
        let vpcs = vpcs.into_iter().map(ResourceKey::Vpc);
        let route_tables = route_tables.into_iter().map(ResourceKey::RouteTable);
        let of_world = world.nat_gateways.iter();
        let of_world = of_world.filter(|gateway| gateway.interface().is_some());
        let mut nat_gateways = self.nat_gateways.in_use();
        nat_gateways.extend(of_world.map(|gateway| gateway.nat_gateway_id));
        let nat_gateways = nat_gateways.into_iter().map(ResourceKey::NatGateway);
        let all = groups.chain(network_acls).chain(vpcs);
        let mut endpoints = self.endpoints.in_use();
        endpoints.extend(endpoints_of(world));
        let endpoints = endpoints.into_iter().map(ResourceKey::NetworkInterface);
        let all = all.chain(route_tables).chain(nat_gateways).chain(endpoints);
        let mut left = all.skip(from);
        for key in left.by_ref().take(count) {
            stale.add_shared(key);
        }
        match left.next() {
            Some(_) => Checked::Shared(from + count),
            None => Checked::Instances(None),
        }
    }

    fn lower_again(
        &mut self,
        mut stale: Stale,
        world: &World,
        vports: &mut VportNumbers,
    ) -> Update {
        if vports.has_free() {
            stale.instances.append(&mut self.waiting);
            stale.endpoints.append(&mut self.waiting_endpoints);
        }
        let mut update = Update::default();
        if stale.is_empty() {
            return update;
        }
        let (mut before, mut after) = (Places::new(), Places::new());
        update.adapters = self.concerns_adapters(&stale.groups, world);
        let (groups, numbers) = (&stale.groups, &mut self.numbers);
        let exchanged = self
            .policies
            .read_groups_again(groups, world, numbers, &mut self.draft);
        for set in exchanged {
            self.add_users_of(&set, world, &mut stale);
        }
        for id in &stale.instances {
            update.adapters |= self.with_adapters.remove(id);
            self.unplug_all(*id, &mut before);
        }
        for id in &stale.nat_gateways {
            let (networks, policies) = (&mut self.networks, &mut self.policies);
            self.nat_gateways
                .take_back(*id, networks, policies, &mut self.draft);
        }
        for id in &stale.endpoints {
            let (endpoints, _, shared) = self.endpoints();
            endpoints.take_back(*id, shared);
        }
        self.policies
            .read_network_acls_again(&stale.network_acls, world, &mut self.numbers);
        for id in &stale.instances {
            self.lower_instance(*id, world, vports, &mut update, &mut after);
            if self.has_adapters(*id) {
                self.with_adapters.insert(*id);
                update.adapters = true;
            }
        }
        for id in &stale.nat_gateways {
            let (networks, policies) = (&mut self.networks, &mut self.policies);
            let (numbers, draft) = (&mut self.numbers, &mut self.draft);
            self.nat_gateways
                .lower(*id, world, networks, policies, numbers, draft);
        }
        for id in &stale.endpoints {
            let (endpoints, numbers, shared) = self.endpoints();
            if !endpoints.lower(*id, world, numbers, vports, shared) {
                self.waiting_endpoints.insert(*id);
            }
        }
        // Routes lead to interfaces that are there.
        self.draft.let_go();
        add_routes_to(&before, &after, world, &mut stale.route_tables);
        self.networks.read_again(stale.vpcs, stale.route_tables);
        self.networks
            .settle(world, &mut self.numbers, &mut self.draft);
        self.policies.settle(&mut self.numbers, &mut self.draft);
        update.delta = self.draft.take_delta();
        update.instances = stale.instances;
        update
    }

    /// Endpoints, with what they have to do with.
    fn endpoints(&mut self) -> (&mut Endpoints, &mut Numbers, Shared<'_>) {
        let shared = Shared {
            networks: &mut self.networks,
            policies: &mut self.policies,
            draft: &mut self.draft,
        };
        (&mut self.endpoints, &mut self.numbers, shared)
    }

    /// Whether an instance with Elastic Fabric Adapters has an interface in one of the groups.
    fn concerns_adapters(&self, groups: &BTreeSet<SecurityGroupId>, world: &World) -> bool {
        let has_one = |eni: &NetworkInterface| eni.group_ids.iter().any(|id| groups.contains(id));
        !groups.is_empty()
            && self.with_adapters.iter().any(|id| {
                let mut attached = world.attached_interfaces_of(*id);
                attached.any(|(eni, _)| has_one(eni))
            })
    }

    /// Adds the instances with an interface that is plugged in and uses the set, and the endpoints that do.
    fn add_users_of(&self, set: &SecurityGroupSet, world: &World, stale: &mut Stale) {
        let Some(group) = set.first() else {
            return;
        };
        let enis = world.network_interfaces.by(group);
        let with_set = enis.filter(|eni| eni.security_group_set() == *set);
        with_set.for_each(|eni| stale.add_user_of(eni, world));
    }

    fn has_adapters(&self, id: InstanceId) -> bool {
        let instance = self.desired().instances.get(&id);
        instance.is_some_and(|instance| instance.efa_devices != 0)
    }

    /// Takes back everything that the interfaces of an instance gave.
    fn unplug_all(&mut self, id: InstanceId, places: &mut Places) {
        for uses in self.plugged.remove(&id).unwrap_or_default() {
            let desired = &self.draft.desired;
            let Some(interface) = desired.interfaces.get(&uses.attachment_id) else {
                continue;
            };
            let vport = interface.vport;
            places.insert(interface.network_interface_id, vport);
            if let Some(row) = desired.tables.vports.get(&vport) {
                let rows = removals(row, interface, |key| {
                    let public = desired.tables.mappings.get(key)?.public_address;
                    (!public.is_none()).then_some(public)
                });
                self.draft.change_all(rows, false);
            }
            self.draft.take_interface(uses.attachment_id, vport);
            self.policies.leave_groups(&uses.groups);
            uses.placement.end(&mut self.networks, &mut self.policies);
        }
    }

    /// Lowers an instance with its interfaces.
    fn lower_instance(
        &mut self,
        id: InstanceId,
        world: &World,
        vports: &mut VportNumbers,
        update: &mut Update,
        places: &mut Places,
    ) {
        let Some(instance) = world.instances.get(id).filter(|instance| instance.is_up()) else {
            self.draft.set_instance(id, None);
            return;
        };
        let desired = desired_instance(world, &self.settings, instance);
        self.draft.set_instance(id, Some(desired));
        let mut numbered = Vec::new();
        for (eni, attachment) in world.attached_interfaces_of(id) {
            if !eni.interface_type.carries_ip() {
                continue;
            }
            match vports.assign(attachment.attachment_id) {
                Ok(vport) => numbered.push((eni, attachment, vport)),
                Err(_) => {
                    self.waiting.insert(id);
                    update.without_vport.push(attachment.attachment_id);
                }
            }
        }
        // The number of the instance: its primary interface's vport, as that interface stays while the instance runs.
        let places_in = numbered.iter();
        let first = places_in.map(|(_, attachment, vport)| (attachment.device_number(), *vport));
        let Some((_, number)) = first.min() else {
            return;
        };
        for (eni, attachment, vport) in numbered {
            let vpc = world.vpcs.get(eni.vpc_id);
            let Some(subnet) = world.subnets.get(eni.subnet_id) else {
                continue;
            };
            let (uses, numbers) = self.begin_uses(eni, attachment, number, world);
            let interface = PluggedInterface {
                eni,
                attachment,
                instance,
                subnet,
                resolver: vpc.and_then(|vpc| vpc.resolver_address()),
                vport,
                numbers,
            };
            let primary = world
                .primary_network_interface(id)
                .and_then(|primary| world.subnets.get(primary.subnet_id));
            let device = interface.device(primary.map(|subnet| &**subnet));
            self.draft
                .set_interface(uses.attachment_id, device, interface.vport_row());
            self.draft.change_all(interface.rows(world), true);
            places.insert(eni.network_interface_id, vport);
            self.plugged.entry(id).or_default().push(uses);
        }
    }

    /// What an interface uses from now on, and the numbers of that.
    fn begin_uses(
        &mut self,
        eni: &NetworkInterface,
        attachment: &Attachment,
        instance: u32,
        world: &World,
    ) -> (Uses, InterfaceNumbers) {
        let (networks, policies) = (&mut self.networks, &mut self.policies);
        let numbers = &mut self.numbers;
        let groups = eni.security_group_set();
        let of_groups = policies.use_groups(&groups, world, numbers);
        let (placement, at) = Placement::begin(eni, world, networks, policies, numbers);
        let uses = Uses {
            attachment_id: attachment.attachment_id,
            placement,
            groups,
        };
        let interface = InterfaceNumbers::new(at, of_groups, instance);
        (uses, interface)
    }
}

/// The route tables with routes to interfaces that have come, gone or got another vport.
fn add_routes_to(
    before: &Places,
    after: &Places,
    world: &World,
    route_tables: &mut BTreeSet<RouteTableId>,
) {
    for id in before.keys().chain(after.keys()) {
        if before.get(id) != after.get(id) {
            let tables = world.route_tables.by(id);
            route_tables.extend(tables.map(|table| table.route_table_id));
        }
    }
}

/// The interfaces of all endpoints.
fn endpoints_of(world: &World) -> BTreeSet<NetworkInterfaceId> {
    let places = world.vpc_endpoints.iter().flat_map(|one| &one.places);
    places.map(|place| place.network_interface_id).collect()
}

fn ids<'a>(
    instances: impl Iterator<Item = &'a alloc::sync::Arc<eni_model::resource::Instance>>,
    is_next: impl Fn(&InstanceId) -> bool,
    count: usize,
) -> Vec<InstanceId> {
    let ids = instances.map(|instance| instance.instance_id);
    ids.filter(is_next).take(count).collect()
}
