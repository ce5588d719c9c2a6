//! The house holds: who imports whom, which crate lives in which room, how long a file is, and how files are named.
//! ARCHITECTURE.md tells why.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, File, Ident, ItemMod, Macro, UseTree,
    visit::{self, Visit},
};

/// The modules of this crate that a module may name, beside the leaves and itself. What is not listed is not allowed.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("main", &["cli", "init"]),
    ("lib", &[]),
    ("cli", &["daemon", "telemetry", "qr", "store", "doctor", "backup", "browser"]),
    ("daemon", &["*"]),
    ("doctor", &["alert", "browser", "host", "redis", "store"]),
    ("backup", &["host", "store"]),
    (
        "api",
        &[
            "alert",
            "backup",
            "session",
            "outbox",
            "queue",
            "store",
            "event",
            "health",
            "media",
            "host",
            "page",
            "qr",
            "shutdown",
            "telemetry",
            "webhook",
        ],
    ),
    ("session", &["page", "queue", "outbox", "event", "store", "media", "host", "shutdown"]),
    ("outbox", &["queue", "store", "event"]),
    ("webhook", &["event", "store", "outbox", "network", "shutdown"]),
    ("retention", &["store", "webhook"]),
    ("alert", &["event", "store", "host", "shutdown", "telemetry"]),
    ("event", &["store", "redis"]),
    ("queue", &["redis"]),
    ("browser", &["page", "host"]),
    ("redis", &["host"]),
    ("store", &[]),
    ("page", &[]),
    ("qr", &[]),
    ("host", &[]),
    ("media", &["network", "store"]),
    ("network", &[]),
    ("telemetry", &[]),
    ("health", &["store", "queue", "session", "browser", "host"]),
    ("shutdown", &[]),
    ("init", &[]),
    ("config", &["model"]),
    ("bounded", &[]),
    ("clock", &[]),
    ("model", &[]),
];

/// What every room may import: settings, time and plain data.
const LEAVES: &[&str] = &["bounded", "config", "clock", "model"];

/// Crates that live in some rooms only.
const CRATE_ROOMS: &[(&str, &[&str])] = &[
    ("chromiumoxide", &["browser"]),
    ("axum", &["api"]),
    ("redis", &["redis", "queue"]),
    ("sqlx", &["store"]),
    ("lettre", &["alert"]),
    ("notify", &["config"]),
    ("sysinfo", &["host"]),
    ("qrcode", &["qr"]),
    ("image", &["qr"]),
];

/// The longest a source file may be, its tests aside.
const MAX_LINES: usize = 500;

/// Names that say nothing of what a file holds.
const EMPTY_NAMES: &[&str] = &["mod", "util", "utils", "helper", "helpers", "common", "misc", "shared"];

#[test]
fn rooms_import_only_their_neighbours() {
    let rules: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut broken = Vec::new();
    for source in sources("src") {
        let room = source.room();
        let Some(allowed) = rules.get(room.as_str()) else {
            broken.push(format!("{}: the room '{room}' stands in no rule", source.name));
            continue;
        };
        for named in source.imports().rooms {
            let is_allowed = named == room
                || LEAVES.contains(&named.as_str()) && !LEAVES.contains(&room.as_str())
                || allowed.contains(&named.as_str())
                || allowed.contains(&"*");
            if !is_allowed {
                broken.push(format!("{}: '{room}' imports '{named}'", source.name));
            }
        }
    }
    assert!(broken.is_empty(), "imports against the rules:\n{}", broken.join("\n"));
}

#[test]
fn crates_stay_in_their_rooms() {
    let mut broken = Vec::new();
    for source in sources("src") {
        let room = source.room();
        let crates = source.imports().crates;
        for (name, rooms) in CRATE_ROOMS {
            if crates.contains(*name) && !rooms.contains(&room.as_str()) {
                broken.push(format!("{}: the crate '{name}' belongs into {rooms:?}", source.name));
            }
        }
    }
    assert!(broken.is_empty(), "crates outside their rooms:\n{}", broken.join("\n"));
}

#[test]
fn the_simulator_and_drover_know_nothing_of_each_other() {
    let from_drover = sources("src").into_iter().filter(|source| source.imports().crates.contains("drover_simulator"));
    let from_simulator =
        sources("simulator/src").into_iter().filter(|source| source.imports().crates.contains("drover"));
    let broken: Vec<String> = from_drover.chain(from_simulator).map(|source| source.name).collect();
    assert!(broken.is_empty(), "they meet over the network only: {broken:?}");
}

#[test]
fn files_are_short_enough() {
    let folders = ["src", "assets", "simulator/src", "simulator/page", "simulator/phone"];
    let long: Vec<String> = folders
        .iter()
        .flat_map(|folder| files(folder, &["rs", "js", "lua", "css", "html"]))
        .filter_map(|path| {
            let text = fs::read_to_string(&path).expect("a source file is text");
            let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
            (lines > MAX_LINES).then(|| format!("{}: {lines}", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "files above {MAX_LINES} lines without their tests:\n{}", long.join("\n"));
}

#[test]
fn files_are_named_for_what_they_hold() {
    let mut empty: Vec<String> = ["src", "simulator/src"]
        .iter()
        .flat_map(|folder| files(folder, &["rs"]))
        .filter(|path| path.file_stem().is_some_and(|stem| EMPTY_NAMES.contains(&stem.to_string_lossy().as_ref())))
        .map(|path| path.display().to_string())
        .collect();
    empty.sort();
    assert!(empty.is_empty(), "name the concept instead:\n{}", empty.join("\n"));
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<String> = ["src", "simulator/src", "tests"]
        .iter()
        .flat_map(|folder| files(folder, &["rs"]))
        .filter(|path| {
            let text = fs::read_to_string(path).expect("a source file is text");
            !text.starts_with("//!")
        })
        .map(|path| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "files without a //! at their top:\n{}", silent.join("\n"));
}

/// A source file of ours.
struct Source {
    /// Its path from the repository's root, such as `src/session/actor.rs`.
    name: String,
    /// Its module path, such as `["session", "actor"]`; empty for `lib.rs`.
    module: Vec<String>,
    syntax: File,
}

impl Source {
    /// The top module that it lies in.
    fn room(&self) -> String {
        self.module.first().cloned().unwrap_or_else(|| "lib".to_owned())
    }

    fn imports(&self) -> Imports {
        let mut found = Imports { module: self.module.clone(), ..Imports::default() };
        found.visit_file(&self.syntax);
        // A local module in scope (`use crate::redis;`) hides the crate of the same name.
        let hidden: BTreeSet<String> = found.crates.intersection(&found.names).cloned().collect();
        found.crates.retain(|name| !hidden.contains(name));
        found.crates.extend(found.absolute.clone());
        found
    }
}

/// What a file names: rooms of this crate, and first segments that may be other crates. Test modules are passed over.
#[derive(Default)]
struct Imports {
    module: Vec<String>,
    rooms: BTreeSet<String>,
    crates: BTreeSet<String>,
    /// Crates named with a leading `::`, which nothing can hide.
    absolute: BTreeSet<String>,
    /// What `use` brings into scope from this crate.
    names: BTreeSet<String>,
}

impl Imports {
    /// Takes a path's segments; `super` and `self` are followed from this file's module.
    fn take(&mut self, segments: &[String]) {
        let Some(first) = segments.first() else { return };
        let mut module = match first.as_str() {
            // The binary's only file names the library by its name.
            "crate" | "drover" => Vec::new(),
            "self" | "super" => self.module.clone(),
            other => {
                self.crates.insert(other.to_owned());
                return;
            }
        };
        for segment in segments {
            match segment.as_str() {
                "crate" | "drover" | "self" => {}
                "super" => {
                    module.pop();
                }
                other => module.push(other.to_owned()),
            }
        }
        if let Some(room) = module.first() {
            self.rooms.insert(room.clone());
        }
    }

    fn take_use(&mut self, tree: &UseTree, before: &[String]) {
        let with = |ident: &Ident| {
            let mut path = before.to_vec();
            path.push(ident.to_string());
            path
        };
        match tree {
            UseTree::Path(path) => self.take_use(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.take_use(item, before)),
            UseTree::Glob(_) => self.take(before),
            UseTree::Name(name) => {
                let path = with(&name.ident);
                self.bring_in(&path, &name.ident);
                self.take(&path);
            }
            UseTree::Rename(rename) => {
                let path = with(&rename.ident);
                self.bring_in(&path, &rename.rename);
                self.take(&path);
            }
        }
    }

    fn bring_in(&mut self, path: &[String], name: &Ident) {
        if path.first().is_some_and(|first| matches!(first.as_str(), "crate" | "self" | "super")) {
            self.names.insert(name.to_string());
        }
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if is_for_tests(&module.attrs) {
            return;
        }
        if module.content.is_some() {
            self.module.push(module.ident.to_string());
            visit::visit_item_mod(self, module);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_some() {
            if let UseTree::Path(path) = &item.tree {
                self.absolute.insert(path.ident.to_string());
            }
        } else {
            self.take_use(&item.tree, &[]);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if path.leading_colon.is_some() {
            self.absolute.extend(segments.first().cloned());
        } else if segments.len() > 1 {
            self.take(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &'ast Macro) {
        self.visit_path(&invoked.path);
        // The arguments of a macro are tokens; those of the usual ones are expressions, so paths in them are seen as well.
        type Arguments = syn::punctuated::Punctuated<syn::Expr, syn::Token![,]>;
        if let Ok(arguments) = invoked.parse_body_with(Arguments::parse_terminated) {
            arguments.iter().for_each(|argument| self.visit_expr(argument));
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<Ident>().is_ok_and(|condition| condition == "test")
    })
}

/// The parsed files under a folder.
fn sources(folder: &str) -> Vec<Source> {
    let base = root().join(folder);
    let mut found: Vec<Source> = files(folder, &["rs"])
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file is text");
            let name = path.strip_prefix(root()).expect("it lies under the root").display().to_string();
            let inside = path.strip_prefix(&base).expect("it lies under the folder").with_extension("");
            let mut module: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            if module == ["lib"] {
                module.clear();
            }
            let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            Source { name, module, syntax }
        })
        .collect();
    assert!(!found.is_empty(), "no sources under {folder}");
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// All files under a folder of the repository with one of these extensions.
fn files(folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let mut waiting = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extensions.contains(&extension.to_string_lossy().as_ref()))
            {
                found.push(path);
            }
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The test itself is tested: each way of naming a room or a crate is seen.
mod the_reader {
    use super::*;

    fn read(module: &[&str], text: &str) -> Imports {
        let source = Source {
            name: "sample.rs".to_owned(),
            module: module.iter().map(|part| (*part).to_owned()).collect(),
            syntax: syn::parse_file(text).expect("the sample is Rust"),
        };
        source.imports()
    }

    fn rooms(module: &[&str], text: &str) -> Vec<String> {
        read(module, text).rooms.into_iter().collect()
    }

    #[test]
    fn sees_every_way_of_naming_a_room() {
        assert_eq!(rooms(&["api", "send"], "use crate::store::Store;"), ["store"]);
        assert_eq!(rooms(&["api", "send"], "pub use crate::{queue::Queue, model as m};"), ["model", "queue"]);
        assert_eq!(rooms(&["api", "send"], "use super::super::browser::*;"), ["browser"]);
        assert_eq!(rooms(&["api", "send"], "use super::auth;"), ["api"]);
        assert_eq!(rooms(&["api"], "fn f() { let x: crate::host::Memory = crate::page::read(); }"), ["host", "page"]);
        assert_eq!(rooms(&["api"], "fn f() { println!(\"{}\", crate::redis::name()); }"), ["redis"]);
        assert_eq!(rooms(&["api"], "mod inner { use super::super::store::X; }"), ["store"]);
    }

    #[test]
    fn passes_over_tests() {
        assert!(rooms(&["model"], "#[cfg(test)] mod tests { use crate::store::Store; }").is_empty());
    }

    #[test]
    fn tells_a_crate_from_a_module_of_the_same_name() {
        assert!(read(&["queue"], "use redis::Script;").crates.contains("redis"));
        assert!(read(&["api"], "fn f() -> redis::Value { todo() }").crates.contains("redis"));
        assert!(
            !read(&["daemon"], "use crate::redis; fn f() { redis::Connections::open(); }").crates.contains("redis")
        );
        assert!(read(&["daemon"], "use crate::redis; use ::redis::Value;").crates.contains("redis"));
    }
}
