//! The files of a crate import each other without a circle.

use std::{collections::BTreeSet, fs};

use firehose_tests::{
    architecture::circles::{Dependency, circles, dependencies},
    workspace::{PACKAGES, root},
};

/// Dependencies that close a circle and are still to be turned around. To be empty.
const STILL_IN_A_CIRCLE: &[Excuse] = &[
    // Where the repository is, is defined beside the list of commands.
    excuse("xtask/src", "*", "main.rs"),
];

struct Excuse {
    source: &'static str,
    /// The file that writes the path; `*` is every one.
    from: &'static str,
    /// The file that defines what it ends at.
    to: &'static str,
}

const fn excuse(source: &'static str, from: &'static str, to: &'static str) -> Excuse {
    Excuse { source, from, to }
}

impl Excuse {
    fn covers(&self, source: &str, dependency: &Dependency) -> bool {
        self.source == source && ["*", &dependency.from].contains(&self.from) && self.to == dependency.to
    }
}

fn is_excused(source: &str, dependency: &Dependency) -> bool {
    STILL_IN_A_CIRCLE.iter().any(|excuse| excuse.covers(source, dependency))
}

#[test]
fn every_package_of_the_workspace_is_known() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, members) = manifest.split_once("members = [").unwrap();
    let (members, _) = members.split_once(']').unwrap();
    let members: BTreeSet<&str> = members.split('"').skip(1).step_by(2).collect();
    assert_eq!(
        PACKAGES.iter().map(|(_, folder)| *folder).collect::<BTreeSet<_>>(),
        members
    );
}

/// The circles of a crate as text, each with the dependencies that make it.
fn described(source: &str, all: &[Dependency]) -> Vec<String> {
    let describe = |circle: BTreeSet<&str>| {
        let is_inside = |one: &&Dependency| circle.contains(&*one.from) && circle.contains(&*one.to);
        let arrows = all.iter().filter(is_inside).map(|one| {
            let Dependency { from, to, item, line } = one;
            format!("    {from}:{line} → {to} ({item})")
        });
        format!("{source}:\n{}", arrows.collect::<Vec<_>>().join("\n"))
    };
    circles(all).into_iter().map(describe).collect()
}

#[test]
fn no_file_imports_itself_by_way_of_others() {
    let mut found = Vec::new();
    for (_, package) in PACKAGES {
        let source = &*format!("{package}/src");
        let mut all = dependencies(&root().join(source));
        assert!(
            !all.is_empty(),
            "{source} is read wrongly: its files know nothing of each other"
        );
        all.retain(|dependency| !is_excused(source, dependency));
        found.extend(described(source, &all));
    }
    assert!(found.is_empty(), "circles of imports:\n{}", found.join("\n"));
}

/// Otherwise the list would outlive what it excuses.
#[test]
fn every_excused_dependency_still_closes_a_circle() {
    for excuse in STILL_IN_A_CIRCLE {
        let Excuse { source, from, to } = *excuse;
        let mut all = dependencies(&root().join(source));
        all.retain(|one| excuse.covers(source, one) || !is_excused(source, one));
        let closes = |circle: &BTreeSet<&str>| circle.contains(to) && (from == "*" || circle.contains(from));
        assert!(
            circles(&all).iter().any(closes),
            "{source}: {from} → {to} closes no circle any more"
        );
    }
}

/// The files of the circles in a crate of these files.
fn planted(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    for (file, content) in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let all = dependencies(folder.path());
    let names = |circle: BTreeSet<&str>| circle.into_iter().map(str::to_owned).collect();
    circles(&all).into_iter().map(names).collect()
}

#[test]
fn a_planted_circle_is_found() {
    for (how, files, expected) in [
        (
            "two files name each other",
            vec![
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "use crate::b::B; pub struct A;"),
                ("b.rs", "use super::a::A; pub struct B;"),
            ],
            vec!["a.rs", "b.rs"],
        ),
        (
            "three, by paths in bodies and types",
            vec![
                ("lib.rs", "mod a; mod b; mod c;"),
                ("a.rs", "pub struct A; pub fn a() { crate::b::b() }"),
                ("b.rs", "pub fn b() -> crate::c::C { todo!() }"),
                ("c.rs", "pub struct C(crate::a::A);"),
            ],
            vec!["a.rs", "b.rs", "c.rs"],
        ),
        (
            "through a name that is handed on",
            vec![
                ("lib.rs", "mod x; mod a;"),
                ("a.rs", "use crate::x::B; pub struct A;"),
                ("x/mod.rs", "mod b; pub use self::b::B;"),
                ("x/b.rs", "use crate::a; pub struct B(a::A);"),
            ],
            vec!["a.rs", "x/b.rs"],
        ),
        (
            "through another name and a star",
            vec![
                ("lib.rs", "mod x; mod a;"),
                ("a.rs", "use crate::x::Other; pub struct A;"),
                ("x/mod.rs", "mod b; pub(crate) use self::b::*;"),
                ("x/b.rs", "use crate::a::A as Renamed; pub struct Other;"),
            ],
            vec!["a.rs", "x/b.rs"],
        ),
        (
            "a parent that uses its child, which uses its parent",
            vec![
                ("lib.rs", "mod x;"),
                ("x/mod.rs", "mod b; use self::b::B; pub struct X(B);"),
                ("x/b.rs", "pub struct B; fn f(x: super::X) {}"),
            ],
            vec!["x/b.rs", "x/mod.rs"],
        ),
        (
            "in the argument of a macro",
            vec![
                ("main.rs", "mod a; pub struct Root; fn main() { a::A; }"),
                ("a.rs", "pub struct A; fn f() { println!(\"{}\", crate::Root); }"),
            ],
            vec!["a.rs", "main.rs"],
        ),
    ] {
        assert_eq!(planted(&files), [expected], "{how}");
    }
}

#[test]
fn what_is_no_circle_is_not_reported() {
    for (how, files) in [
        (
            "a child implements its parent's type",
            vec![
                ("lib.rs", "mod x;"),
                ("x/mod.rs", "mod b; pub struct X;"),
                ("x/b.rs", "use super::X; impl X { fn f(&self) {} }"),
            ],
        ),
        (
            "a parent hands on what its child defines",
            vec![
                ("lib.rs", "mod x;"),
                ("x/mod.rs", "mod b; pub use self::b::B; pub struct X;"),
                ("x/b.rs", "pub struct B(super::X);"),
            ],
        ),
        (
            "a test looks back",
            vec![
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "use crate::b::B; pub struct A;"),
                ("b.rs", "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }"),
            ],
        ),
        (
            "documentation looks back",
            vec![
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "use crate::b::B; pub struct A;"),
                ("b.rs", "/// See [`crate::a::A`].\npub struct B;"),
            ],
        ),
        (
            "two names of one file",
            vec![
                ("lib.rs", "mod a;"),
                (
                    "a.rs",
                    "pub struct A; pub struct B(self::A); mod inner { pub fn f(_: super::B) {} }",
                ),
            ],
        ),
    ] {
        assert_eq!(planted(&files), Vec::<Vec<String>>::new(), "{how}");
    }
}
