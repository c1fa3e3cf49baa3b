//! What an interface is given beside addresses of IPv4.

use std::net::Ipv6Addr;

use eni_instance::InstanceDriver;
use eni_plan::DesiredInterface;

use super::{Region, id, instance, interface};

/// Of a secondary interface, whatever the guest sends from a delegated block leaves by it; its addresses are the guest's to
/// use. IPv6 comes with a block alone.
#[test]
fn root_a_delegated_block_has_a_rule_and_goes_with_it() {
    let mut region = Region::new();
    region.driver.create(id(), 1).unwrap();
    let wanted = |index, blocks: &[&str]| DesiredInterface {
        ipv6_subnet: Some("2001:db8:0:1::/64".parse().unwrap()),
        prefixes: blocks.iter().map(|block| block.parse().unwrap()).collect(),
        ..interface(index, &[5 + index])
    };
    let attachment = |index| format!("eni-attach-{index:017x}").parse().unwrap();
    for index in [0, 1] {
        let (id, wanted) = (attachment(index), wanted(index, &[]));
        region.driver.plug(id, &wanted).unwrap();
        region.driver.configure(id, &wanted).unwrap();
    }
    region.driver.start(id(), &instance("", 1)).unwrap();
    let check =
        |region: &Region, script: &str| assert_eq!(region.shell(id(), script), 0, "{script}");
    let configure = |region: &Region, index, blocks: &[&str]| {
        let wanted = wanted(index, blocks);
        region.driver.configure(attachment(index), &wanted).unwrap();
    };
    check(&region, "ip -6 route | grep -qc default; [ $? = 1 ]");
    for index in [0, 1] {
        configure(&region, index, &["10.0.0.32/28", "2001:db8:0:1:7::/80"]);
    }
    for script in [
        "ip rule | grep -q '^10001:.*from 10.0.0.32/28 lookup 10001'",
        "ip -6 rule | grep -q '^10001:.*from 2001:db8:0:1:7::/80 lookup 10001'",
        "! ip rule | grep -q 'lookup 10000'",
        "ip -6 route | grep -q 'default via fe80:ec2::1 dev eth0'",
        "ip -6 addr show dev eth1 | grep -q 'inet6 fe80'",
        "! ip addr show dev eth1 | grep -q 10.0.0.32",
        "ip addr add 10.0.0.33/32 dev eth1; ip -6 addr add 2001:db8:0:1:7::1/128 dev eth1 nodad",
        "ip route get 8.8.8.8 from 10.0.0.33 | grep -q 'via 10.0.0.1 dev eth1'",
        "ip -6 route get 2001:db8:9::9 from 2001:db8:0:1:7::1 | grep -q 'dev eth1 table 10001'",
        // The guest's own rule stays when the block goes.
        "ip rule add from 10.0.0.48/28 lookup 10001 priority 10001",
        // And what it takes away is not brought again.
        "ip rule del from 10.0.0.32/28 lookup 10001 priority 10001",
    ] {
        check(&region, script);
    }
    region.restart();
    let blocks = ["10.0.0.5/32", "10.0.0.32/28", "2001:db8:0:1:7::/80"];
    let configured = &region.driver.devices().unwrap()[&3].configured;
    assert_eq!(*configured, blocks.map(|block| block.parse().unwrap()));
    configure(
        &region,
        1,
        &["10.0.0.32/28", "10.0.0.48/28", "10.0.0.64/28"],
    );
    for script in [
        "! ip rule | grep -q 10.0.0.32/28",
        "! ip -6 rule | grep -q 2001:db8:0:1:7::/80",
        "ip rule | grep -q 10.0.0.64/28",
    ] {
        check(&region, script);
    }
    configure(&region, 1, &[]);
    check(
        &region,
        "! ip rule | grep -q 10.0.0.64/28 && ip rule | grep -q 10.0.0.48/28",
    );
    configure(&region, 1, &["10.0.0.64/28"]);
    region.driver.withdraw(attachment(1), id()).unwrap();
    check(&region, "! ip rule | grep -q 10.0.0.64/28");
}

/// The platform brings IPv6 with the first address, and then leaves to the guest what the guest has made of it.
#[test]
fn root_ipv6_comes_with_an_address_and_is_then_the_guests() {
    let mut region = Region::new();
    region.driver.create(id(), 1).unwrap();
    let subnet = "2001:db8:0:1::/64".parse().unwrap();
    let address = |last: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last);
    let wanted = |index, addresses: &[u16]| DesiredInterface {
        ipv6_subnet: Some(subnet),
        ipv6_addresses: addresses.iter().copied().map(address).collect(),
        ..interface(index, &[5 + index])
    };
    let attachment = |index| format!("eni-attach-{index:017x}").parse().unwrap();
    for (index, addresses) in [(0, &[][..]), (1, &[0x16])] {
        let (id, wanted) = (attachment(index), wanted(index, addresses));
        region.driver.plug(id, &wanted).unwrap();
        region.driver.configure(id, &wanted).unwrap();
    }
    region.driver.start(id(), &instance("", 1)).unwrap();
    let check =
        |region: &Region, script: &str| assert_eq!(region.shell(id(), script), 0, "{script}");
    for script in [
        "! ip -6 addr show eth0 | grep -q inet6",
        "! ip -6 addr show eth1 | grep -q tentative",
        "ip -6 addr show eth1 | grep -q 2001:db8:0:1::16/64",
        "ip -6 route get 2001:db8:9::9 from 2001:db8:0:1::16 | grep -q 'via fe80:ec2::1 dev eth1 table 10001'",
        "[ $(cat /proc/sys/net/ipv6/conf/eth1/accept_ra) = 0 ]",
    ] {
        check(&region, script);
    }
    let configure = |region: &Region, index, addresses: &[u16]| {
        let wanted = wanted(index, addresses);
        region.driver.configure(attachment(index), &wanted).unwrap();
    };
    configure(&region, 0, &[0x15]);
    check(
        &region,
        "ip -6 route get 2001:db8:9::9 | grep -q 'via fe80:ec2::1 dev eth0 .*src 2001:db8:0:1::15'",
    );
    // A device that is set down and up keeps its addresses, and gets its routes again.
    check(&region, "ip link set eth0 down; ip link set eth0 up");
    configure(&region, 0, &[0x15]);
    check(
        &region,
        "ip -6 route | grep -q 'default via fe80:ec2::1 dev eth0'",
    );
    check(&region, "ip -6 addr show eth0 | grep -q 2001:db8:0:1::15");
    // What the guest takes away stays so.
    check(&region, "ip -6 route del default dev eth0");
    check(
        &region,
        "echo 1 > /proc/sys/net/ipv6/conf/eth1/disable_ipv6",
    );
    region.restart();
    configure(&region, 0, &[0x15, 0x17]);
    configure(&region, 1, &[0x16, 0x18]);
    check(&region, "! ip -6 route | grep -q default");
    check(&region, "ip -6 addr show eth0 | grep -q 2001:db8:0:1::17");
    check(&region, "! ip -6 addr show eth1 | grep -q inet6");
    region.driver.withdraw(attachment(1), id()).unwrap();
    check(&region, "! ip -6 rule | grep -q 10001");
}
