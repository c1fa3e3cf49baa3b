//! Writes the requests and answers of the operations served, from the declarations in `control/model/api` and AWS's models.
//!
//! A declaration names the members that OpenENI reads and answers; spelling, lists, what is required and whether there are
//! dry runs follow from the model. What is written is committed, reviewed as source is, and never edited by hand.

mod declaration;
mod fields;
mod filters;
mod model;
mod render;
mod types;

use crate::repository::{self, Failure};
use declaration::Family;
use fields::Sources;
use filters::Filters;
use model::Models;
use render::Source;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use types::Types;

const DECLARATIONS: &str = "control/model/api";
const SOURCES: &str = "control/model/src/api";
const DOCUMENT: &str = "docs/API.md";
/// What the table of operations in the document stands between.
const TABLE: [&str; 2] = [
    "<!-- operations: cargo xtask api -->\n",
    "<!-- end of operations -->\n",
];

/// Options of `cargo xtask api`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Writes nothing; fails where a committed file is not what the declarations give.
    #[arg(long)]
    check: bool,
    /// The services' models, as JSON, by `ec2` and `iam`; else those of the botocore in `.venv`.
    #[arg(long)]
    model: Option<PathBuf>,
}

/// Runs the task.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let models = Models::read(options.model.as_deref())?;
    let families = families(&models)?;
    let types = Types::read(&families)?;
    let sources = Sources {
        models: &models,
        types: &types,
    };
    let filters = Filters::read(&families, sources)?;
    let mut files = BTreeMap::new();
    for family in &families {
        let source = Source::new(family, sources, &filters).render()?;
        let path = Path::new(SOURCES).join(&family.name).with_extension("rs");
        files.insert(path, formatted(&source)?);
    }
    files.insert(
        Path::new(SOURCES).join("mod.rs"),
        formatted(&table(&families))?,
    );
    files.insert(DOCUMENT.into(), document(&families)?);
    let mut findings = Vec::new();
    for (path, text) in files {
        let committed = repository::root().join(&path);
        if std::fs::read_to_string(&committed).is_ok_and(|committed| committed == text) {
            continue;
        }
        if options.check {
            findings.push(format!(
                "{}: not what the declarations give",
                path.display()
            ));
            continue;
        }
        std::fs::write(&committed, text).map_err(|source| Failure::Write { path, source })?;
    }
    repository::conclude("api", findings)
}

fn families(models: &Models) -> Result<Vec<Family>, Failure> {
    let files = repository::files()?;
    let declared = files.iter().filter(|path| {
        path.starts_with(DECLARATIONS) && path.file_name().is_some_and(|name| name != "types.toml")
    });
    declared.map(|path| Family::read(path, models)).collect()
}

/// The module that holds the families, and the table of operations.
fn table(families: &[Family]) -> String {
    let mut text = String::from(
        "//! What the operations served are asked and answer, and the table of them.
//!
//! Written by `cargo xtask api` from the declarations in `control/model/api`.

",
    );
    for family in families {
        writeln!(text, "pub(crate) mod {};", family.name).expect("a String is written");
    }
    text.push('\n');
    for family in families {
        let names: Vec<&str> = family.operations.keys().map(String::as_str).collect();
        writeln!(text, "pub use {}::{{{}}};", family.name, names.join(", "))
            .expect("a String is written");
    }
    let mut all: Vec<&str> = families
        .iter()
        .flat_map(|family| family.operations.keys().map(String::as_str))
        .collect();
    all.sort_unstable();
    let all: String = all
        .iter()
        .map(|name| format!("            {name},\n"))
        .collect();
    write!(
        text,
        "
/// Calls the macro `callback` with the request types of all operations, by name.
///
/// ```
/// macro_rules! names {{
///     ($($operation:ident,)*) => {{ [$(stringify!($operation)),*] }};
/// }}
/// assert!(eni_model::for_each_operation!(names).contains(&\"CreateVpc\"));
/// ```
#[macro_export]
macro_rules! for_each_operation {{
    ($callback:ident) => {{
        $callback! {{
{all}        }}
    }};
}}
"
    )
    .expect("a String is written");
    text
}

/// The document with its table of operations.
fn document(families: &[Family]) -> Result<String, Failure> {
    let text = repository::text(Path::new(DOCUMENT))?.unwrap_or_default();
    let parts = text.split_once(TABLE[0]).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(TABLE[1])?;
        Some((before, after))
    });
    let Some((before, after)) = parts else {
        return Err(Failure::Other(format!(
            "{DOCUMENT} has no place for the operations"
        )));
    };
    let mut table = String::from("| family | operations |\n| --- | --- |\n");
    for family in families {
        let names: Vec<&str> = family.operations.keys().map(String::as_str).collect();
        let note = family.note.as_ref();
        let note = note.map_or_else(String::new, |note| format!(": {note}"));
        writeln!(table, "| {}{note} | {} |", family.title, names.join(", "))
            .expect("a String is written");
    }
    Ok([before, TABLE[0], &table, TABLE[1], after].concat())
}

/// Rust as `cargo fmt` has it.
fn formatted(source: &str) -> Result<String, Failure> {
    let mut command = Command::new("rustfmt");
    command
        .args(["--edition", "2024"])
        .current_dir(repository::root());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let cannot_start = |source| Failure::Start {
        program: "rustfmt".into(),
        source,
    };
    let mut child = command.spawn().map_err(cannot_start)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(source.as_bytes()).map_err(cannot_start)?;
    }
    let output = child.wait_with_output().map_err(cannot_start)?;
    if !output.status.success() {
        return Err(Failure::Other(format!("rustfmt does not take:\n{source}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
