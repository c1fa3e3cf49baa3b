//! The command line.

use std::env;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use eni_agent::DnsUpstream;
use eni_types::Ipv4Cidr;

use crate::publish::Publication;
use crate::uplink::GivenName;

/// EC2 network interfaces that carry packets, on machines you own.
#[derive(Debug, Parser)]
#[command(name = "openeni", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// What is logged on standard error: a level (off, error, warn, info, debug, trace), or a filter such as
    /// `warn,openeni::api=info`. Otherwise OPENENI_LOG says so; otherwise `dev` and `fabric` log what they do (info),
    /// and the others what is wrong (warn).
    #[arg(long, global = true, value_name = "LEVEL|FILTER", value_parser = crate::log::filter)]
    pub(crate) log: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a whole region in the foreground.
    Dev(DevOptions),
    /// Print what a shell needs to reach the region: `eval "$(openeni env)"`.
    Env(DataDirectory),
    /// Run a command, or a shell, inside an instance.
    Exec(ExecOptions),
    /// Show what an instance has printed: its boot script's output, and why one was not run.
    Logs(LogsOptions),
    /// Show instances, interfaces, addresses and drop counters, or those of a fabric service.
    Status(StatusOptions),
    /// Print what the running region has measured of itself, in Prometheus' text form.
    Metrics(DataDirectory),
    /// Let instances with public addresses reach what is beyond this host, or no longer.
    Uplink(UplinkOptions),
    /// Run an EFA fabric service without a region, in the foreground.
    Fabric(FabricOptions),
    /// Watch something happen.
    #[command(subcommand)]
    Demo(Demo),
    /// The first process of an instance.
    #[command(hide = true, trailing_var_arg = true)]
    InstanceInit {
        /// As the instance driver gives them.
        #[arg(allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
    /// What watches over a command in an instance.
    #[command(hide = true, trailing_var_arg = true)]
    InstanceExec {
        /// As `openeni exec` gives them.
        #[arg(allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
    /// Answer the demo's probes.
    #[command(hide = true)]
    DemoResponder {
        /// Where to answer; need not be an address of this host yet.
        #[arg(long)]
        listen: SocketAddr,
        /// What to answer.
        #[arg(long)]
        name: String,
    },
}

/// A new region's settings where the command line does not say them.
pub(crate) const DEFAULT_REGION: &str = "us-east-1";
pub(crate) const DEFAULT_ACCOUNT_ID: &str = "123456789012";
/// TEST-NET-3 (RFC 5737): on no network of anybody's.
pub(crate) const DEFAULT_PUBLIC_POOL: &str = "203.0.113.0/24";

/// Which region.
#[derive(Args, Clone, Debug)]
pub(crate) struct DataDirectory {
    /// Where the region is kept. Otherwise OPENENI_DATA_DIR says so, which `openeni env` exports.
    #[arg(long, value_name = "DIR", default_value_os_t = data_directory(env::var_os(DATA_DIRECTORY_VARIABLE)))]
    pub(crate) data_dir: PathBuf,
}

/// Where a region is kept unless told otherwise.
pub(crate) const DEFAULT_DATA_DIRECTORY: &str = "/var/lib/openeni";
/// What tells otherwise in a shell.
pub(crate) const DATA_DIRECTORY_VARIABLE: &str = "OPENENI_DATA_DIR";

/// Where a region is kept for whom the command line names no directory. Not by clap's `env`: what is in the environment would
/// count as said there, and `status --fabric` as a contradiction.
fn data_directory(variable: Option<OsString>) -> PathBuf {
    let named = variable.filter(|value| !value.is_empty());
    named.map_or_else(|| DEFAULT_DATA_DIRECTORY.into(), PathBuf::from)
}

/// `openeni dev`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DevOptions {
    /// Where the EC2 API listens.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4599")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) directory: DataDirectory,
    /// The region's name. Fixed at the first start, and us-east-1 if not given there.
    #[arg(long, value_parser = region_name)]
    pub(crate) region: Option<String>,
    /// The account that owns everything: twelve digits. Fixed at the first start, and 123456789012 if not given there.
    #[arg(long, value_parser = account_id)]
    pub(crate) account_id: Option<String>,
    /// Where public addresses come from; the host's own end takes the first. Fixed at the first start, and 203.0.113.0/24
    /// if not given there.
    #[arg(long, value_name = "CIDR", value_parser = public_pool)]
    pub(crate) public_pool: Option<Ipv4Cidr>,
    /// Accept any access key (only on a loopback address).
    #[arg(long)]
    pub(crate) any_credentials: bool,
    /// Also serve `openeni metrics` over HTTP at /metrics, for Prometheus (only on a loopback address).
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = loopback)]
    pub(crate) metrics: Option<SocketAddr>,
    /// Who is asked about names that are not the region's: a resolver's address, or none. Whom the host asks, if not given.
    #[arg(long, value_name = "ADDRESS[:PORT]|none")]
    pub(crate) dns_upstream: Option<DnsUpstream>,
    /// Let instances with public addresses reach what is beyond this host by this interface, as `openeni uplink on` does,
    /// until the region is stopped.
    #[arg(long, value_name = "INTERFACE")]
    pub(crate) uplink: Option<GivenName>,
    /// Let a TCP port of this host lead to an address of the region: an Elastic IP address, or a private one that has one. May
    /// be given several times.
    #[arg(long, value_name = "[HOST:]PORT:ADDRESS:PORT")]
    pub(crate) publish: Vec<Publication>,
}

/// `openeni uplink`.
#[derive(Args, Debug)]
pub(crate) struct UplinkOptions {
    /// Where the region is kept. Otherwise OPENENI_DATA_DIR says so, which `openeni env` exports.
    #[arg(long, global = true, value_name = "DIR",
        default_value_os_t = data_directory(env::var_os(DATA_DIRECTORY_VARIABLE)))]
    pub(crate) data_dir: PathBuf,
    /// What to do: `status`, if not given.
    #[command(subcommand)]
    pub(crate) what: Option<Uplink>,
}

/// `openeni uplink on`, `openeni uplink off`, `openeni uplink status`.
#[derive(Debug, Subcommand)]
pub(crate) enum Uplink {
    /// Forward what comes from the public pool, with this host's address in place of the pool's; stays on until `off`.
    On {
        /// Where it leaves this host: the interface of the default route, if not given.
        interface: Option<GivenName>,
    },
    /// Take back what `on` did.
    Off,
    /// Say whether it is on, by which interface, and why nothing gets out, if so.
    Status,
}

/// `openeni fabric`.
#[derive(Args, Debug)]
pub(crate) struct FabricOptions {
    /// What it serves: see docs/EFA.md.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Where programs find it.
    #[arg(long, value_name = "PATH", default_value = eni_efa_client::DEFAULT_SOCKET)]
    pub(crate) socket: PathBuf,
}

/// `openeni exec`.
#[derive(Args, Debug)]
pub(crate) struct ExecOptions {
    #[command(flatten)]
    pub(crate) directory: DataDirectory,
    /// The instance: its id, or its Name tag.
    pub(crate) instance: String,
    /// The command and its arguments; a shell where there is none.
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<std::ffi::OsString>,
}

/// `openeni logs`.
#[derive(Args, Debug)]
pub(crate) struct LogsOptions {
    #[command(flatten)]
    pub(crate) directory: DataDirectory,
    /// The instance: its id, or its Name tag.
    pub(crate) instance: String,
    /// Go on with what it prints from now on.
    #[arg(long, short)]
    pub(crate) follow: bool,
}

/// `openeni status`.
#[derive(Args, Debug)]
pub(crate) struct StatusOptions {
    #[command(flatten)]
    pub(crate) directory: DataDirectory,
    /// Ask the fabric service with this socket instead of a region.
    #[arg(long, value_name = "PATH", num_args = 0..=1, conflicts_with = "data_dir",
        default_missing_value = eni_efa_client::DEFAULT_SOCKET)]
    pub(crate) fabric: Option<PathBuf>,
    /// Show it again every so many seconds, until Ctrl-C.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2",
        value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) watch: Option<u16>,
    /// Show only this: instances or interfaces, by their ids or Name tags, or by what they are in or have: a VPC, subnet,
    /// zone, security group, or address.
    #[arg(value_name = "WHAT", conflicts_with = "fabric")]
    pub(crate) only: Vec<String>,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

/// `openeni demo`.
#[derive(Debug, Subcommand)]
pub(crate) enum Demo {
    /// Move an interface with a public address from a dead instance to a standby, under live traffic.
    Failover(FailoverOptions),
    /// Run an MPI job between two instances over their Elastic Fabric Adapters, and cut it by a security group's rule.
    Efa(EfaOptions),
}

/// `openeni demo efa`.
#[derive(Args, Clone, Debug)]
pub(crate) struct EfaOptions {
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

/// `openeni demo failover`.
#[derive(Args, Clone, Debug)]
pub(crate) struct FailoverOptions {
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
    /// Fail over this many times and print the median too.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) runs: u32,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A table.
    Table,
    /// One JSON object.
    Json,
}

fn account_id(text: &str) -> Result<String, &'static str> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.into())
    } else {
        Err("an account id has twelve digits")
    }
}

fn loopback(text: &str) -> Result<SocketAddr, &'static str> {
    let address: SocketAddr = text.parse().map_err(|_| "not an address and a port")?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err("not a loopback address"),
    }
}

fn region_name(text: &str) -> Result<String, &'static str> {
    let letters =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match text.rsplit_once('-') {
        Some((place, number))
            if place.contains('-')
                && place.split('-').all(letters)
                && number.bytes().all(|byte| byte.is_ascii_digit())
                && !number.is_empty() =>
        {
            Ok(text.into())
        }
        _ => Err("a region is named like us-east-1"),
    }
}

/// Bits of the smallest pool: network, host, one address to give and the last.
const SMALLEST_POOL: u8 = 30;
/// Bits of the largest pool: what fits the packet tables.
const LARGEST_POOL: u8 = 16;

fn public_pool(text: &str) -> Result<Ipv4Cidr, &'static str> {
    let pool: Ipv4Cidr = text.parse().map_err(|_| "not an IPv4 CIDR block")?;
    if !(LARGEST_POOL..=SMALLEST_POOL).contains(&pool.prefix_length()) {
        return Err("the public pool is between /16 and /30");
    }
    // None of those blocks is smaller than the largest pool: a pool lies in one of them or beside all.
    if eni_wire::Ipv4::from(pool.network()).is_never_forwarded() {
        return Err("no router forwards these addresses (RFC 6890)");
    }
    Ok(pool)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_region_an_account_and_a_pool_are_checked() {
        for (arguments, right) in [
            (&["--region", "eu-west-3"][..], true),
            (&["--region", "us-gov-west-1"], true),
            (&["--region", "moon"], false),
            (&["--region", "us-east-"], false),
            (&["--account-id", "1234"], false),
            (&["--metrics", "127.0.0.1:9464"], true),
            (&["--metrics", "192.0.2.1:9464"], false),
            (&["--dns-upstream", "9.9.9.9"], true),
            (&["--dns-upstream", "[::1]:5353"], true),
            (&["--dns-upstream", "none"], true),
            (&["--dns-upstream", "dns.example"], false),
            (&["--uplink", "br-lan.7"], true),
            (&["--uplink", "eth*"], false),
            (&["--uplink", "a\" accept"], false),
            (&["--public-pool", "203.0.113.0/24"], true),
            (&["--public-pool", "203.0.113.0/31"], false),
            (&["--public-pool", "0.0.0.0/0"], false),
            (&["--public-pool", "169.254.8.0/24"], false),
            (&["--public-pool", "127.1.0.0/16"], false),
            (&["--public-pool", "10.9.0.0/24"], true),
        ] {
            let all = ["openeni", "dev"].iter().chain(arguments);
            assert_eq!(Cli::try_parse_from(all).is_ok(), right, "{arguments:?}");
        }
    }

    #[test]
    fn the_environment_names_the_directory_where_nothing_else_does() {
        for (variable, want) in [
            (None, DEFAULT_DATA_DIRECTORY),
            (Some(""), DEFAULT_DATA_DIRECTORY),
            (Some("/srv/two"), "/srv/two"),
        ] {
            assert_eq!(data_directory(variable.map(Into::into)), Path::new(want));
        }
    }

    #[test]
    fn the_command_to_run_in_an_instance_keeps_its_own_options() {
        let cli = Cli::try_parse_from(["openeni", "exec", "i-12345678", "--", "ip", "-br", "addr"])
            .unwrap();
        let Command::Exec(options) = cli.command else {
            panic!("{cli:?}")
        };
        assert_eq!(options.command, ["ip", "-br", "addr"]);
    }
}
