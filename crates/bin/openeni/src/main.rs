//! OpenENI: EC2 network interfaces that carry packets.

mod cli;
mod demo;
mod dev;
mod directory;
mod env;
mod fabric;
mod log;
mod privilege;
mod status;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, Demo};
use crate::directory::Directory;

/// What a command may fail with: every error says what to do in its own words.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let Cli { log, command } = Cli::parse();
    let style = match &command {
        // The first process of an instance has the instance's console for its standard error, and one thread.
        Command::InstanceInit { .. } => None,
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
        Command::Exec(options) => {
            privilege::need_root("exec")?;
            let directory = Directory::open(&options.directory.data_dir)?;
            let run = directory.run_directory()?;
            // The instances of a killed region run on without it; where there is none, that is said first.
            if !run.instance(options.instance_id).exists() {
                directory.endpoint()?;
            }
            let code = eni_instance::exec(&run, options.instance_id, &options.command)?;
            return Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)));
        }
        Command::Fabric(options) => fabric::run(&options)?,
        Command::Status(options) => print!(
            "{}",
            match &options.fabric {
                Some(socket) => fabric::status::ask(socket, options.output)?,
                None => {
                    let directory = Directory::open(&options.directory.data_dir)?;
                    status::ask(&directory, options.output)?
                }
            }
        ),
        Command::Demo(Demo::Failover(options)) => {
            privilege::need_root("demo failover")?;
            demo::failover(&options)?;
        }
        Command::Demo(Demo::Efa(options)) => {
            privilege::need_root("demo efa")?;
            demo::efa(&options)?;
        }
        Command::InstanceInit { arguments } => eni_instance::init::run(arguments.into_iter()),
        Command::DemoResponder { listen, name } => demo::responder::run(listen, &name)?,
    }
    Ok(ExitCode::SUCCESS)
}
