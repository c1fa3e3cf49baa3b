//! OpenENI: EC2 network interfaces that carry packets.

mod cli;
mod demo;
mod dev;
mod directory;
mod env;
mod fabric;
mod status;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, Demo};
use crate::directory::Directory;

/// What a command may fail with: every error says what to do in its own words.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let command = Cli::parse().command;
    if !matches!(command, Command::InstanceInit { .. }) {
        let filter = tracing_subscriber::EnvFilter::try_from_env("OPENENI_LOG")
            .unwrap_or_else(|_| "warn".into());
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .init();
    }
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
        Command::Dev(options) => dev::run(&options)?,
        Command::Env(options) => print!("{}", env::exports(&Directory::open(&options.data_dir)?)?),
        Command::Exec(options) => {
            let run = Directory::open(&options.directory.data_dir)?.run_directory()?;
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
        Command::Demo(Demo::Failover(options)) => demo::failover(&options)?,
        Command::Demo(Demo::Efa(options)) => demo::efa(&options)?,
        Command::InstanceInit { arguments } => eni_instance::init::run(arguments.into_iter()),
        Command::DemoResponder { listen, name } => demo::responder::run(listen, &name)?,
    }
    Ok(ExitCode::SUCCESS)
}
