//! OpenENI: EC2 network interfaces that carry packets.

mod adapters;
mod cli;
mod demo;
mod dev;
mod directory;
mod env;
mod fabric;
mod instance;
mod log;
mod metrics;
mod privilege;
mod publish;
mod status;
mod uplink;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, Demo};
use crate::directory::Directory;

/// What a command may fail with: every error says what to do in its own words.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let Cli { log, command } = Cli::parse();
    let style = match &command {
        // Inside an instance: there is one thread, and standard error is the console's or the user's command's.
        Command::InstanceInit { .. } | Command::InstanceExec { .. } => None,
        Command::Dev(_) | Command::Fabric(_) => Some(log::Style::Service),
        _ => Some(log::Style::Command),
    };
    let _log = style.map(|style| log::begin(log.as_deref(), style));
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("openeni: {}", eni_agent::chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Dev(options) => {
            privilege::need_root("dev")?;
            dev::run(&options)?;
        }
        Command::Env(options) => print!("{}", env::exports(&Directory::open(&options.data_dir)?)?),
        Command::Exec(options) => return instance::exec(&options),
        Command::Logs(options) => instance::logs(&options)?,
        Command::Fabric(options) => fabric::run(&options)?,
        Command::Status(options) => status::show(&options)?,
        Command::Metrics(options) => status::show_metrics(&options)?,
        Command::Uplink(options) => {
            privilege::need_root("uplink")?;
            uplink::run(&options)?;
        }
        Command::Demo(Demo::Failover(options)) => {
            privilege::need_root("demo failover")?;
            demo::failover(&options)?;
        }
        Command::Demo(Demo::Efa(options)) => {
            privilege::need_root("demo efa")?;
            demo::efa(&options)?;
        }
        Command::InstanceInit { arguments } => eni_instance::init::run(arguments.into_iter()),
        Command::InstanceExec { arguments } => eni_instance::supervisor::run(arguments.into_iter()),
        Command::DemoResponder { listen, name } => demo::responder::run(listen, &name)?,
    }
    Ok(ExitCode::SUCCESS)
}
