//! Every name of the sources: where it is made, where it is used.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::collect::collect;
use crate::html::{Pieces, slug};
use crate::names::{Def, DefId};
use crate::scope::is_prelude;
use crate::source::Source;
use crate::walk::walk;
use crate::walker::{Names, Target};

/// A place in the sources: file and line.
pub type Place = (usize, usize);

/// What the names of the sources lead to.
#[derive(Default)]
pub struct Links {
    /// The definitions.
    pub defs: Vec<Def>,
    /// For each definition the name of its place in a page.
    pub anchors: Vec<String>,
    /// For each definition the places where it is used.
    pub uses: Vec<Vec<Place>>,
    /// For each file its names, by line and byte.
    pub names: Vec<Names>,
    /// Names that lead nowhere and are not known to be another crate's.
    pub unknown: Vec<(Place, String)>,
    /// How many names lead somewhere.
    pub linked: usize,
    /// Definitions by the last name of their path.
    pub by_name: BTreeMap<String, Vec<DefId>>,
}

impl Links {
    /// Finds out what every name leads to.
    pub fn new(
        sources: &[Source],
        pieces: &[Vec<Pieces>],
        crates: &[(String, String)],
        foreign: &HashSet<String>,
    ) -> Self {
        let program = collect(sources, crates);
        let mut links = Self {
            uses: vec![Vec::new(); program.defs.len()],
            ..Self::default()
        };
        for (file, source) in sources.iter().enumerate() {
            let names = walk(&program, foreign, file);
            let pieces = pieces.get(file).map_or(&[][..], Vec::as_slice);
            links.add_file(file, source, pieces, &names, foreign);
        }
        links.defs = program.defs;
        links.name_places(sources);
        links
    }

    /// Adds the names of a file.
    fn add_file(
        &mut self,
        file: usize,
        source: &Source,
        pieces: &[Pieces],
        names: &Names,
        foreign: &HashSet<String>,
    ) {
        let mut found = HashMap::new();
        for (index, pieces) in pieces.iter().enumerate() {
            let line = index + 1;
            let text = source.line(line);
            for piece in pieces.iter().filter(|at| at.class.is_name()) {
                let name = text.get(piece.start..piece.end).unwrap_or("");
                let before = text.get(..piece.start).unwrap_or("");
                let column = before.chars().count();
                let target = match names.get(&(line, column)) {
                    Some(target) => *target,
                    None if foreign.contains(name) || is_prelude(name) => {
                        Target::Foreign
                    }
                    None => Target::Unknown,
                };
                found.insert((line, piece.start), target);
                match target {
                    Target::Use(id) => {
                        self.linked += 1;
                        if let Some(uses) = self.uses.get_mut(id) {
                            uses.push((file, line));
                        }
                    }
                    Target::Definition(_) => self.linked += 1,
                    Target::Unknown => {
                        self.unknown.push(((file, line), name.to_owned()));
                    }
                    Target::Local | Target::Foreign => {}
                }
            }
        }
        self.names.push(found);
    }

    /// Gives every definition a name for its place in a page.
    fn name_places(&mut self, sources: &[Source]) {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (id, def) in self.defs.iter().enumerate() {
            let path = sources.get(def.file).map_or("", |at| &at.path);
            let folder = match path.split('/').next() {
                Some("src") | None => "",
                Some(folder) => folder,
            };
            let anchor = slug(&format!("d-{folder}-{}", def.path));
            let count = seen.entry(anchor.clone()).or_default();
            *count += 1;
            self.anchors.push(match count {
                1 => anchor,
                count => format!("{anchor}-{count}"),
            });
            self.by_name.entry(def.name.clone()).or_default().push(id);
        }
    }

    /// What the name is that begins at a byte of a line.
    pub fn target(&self, file: usize, line: usize, byte: usize) -> Target {
        let names = self.names.get(file);
        let found = names.and_then(|names| names.get(&(line, byte)));
        found.copied().unwrap_or(Target::Foreign)
    }

    /// A definition.
    pub fn def(&self, id: DefId) -> Option<&Def> {
        self.defs.get(id)
    }

    /// Where a definition is used, each line once, in order.
    pub fn used(&self, id: DefId) -> Vec<Place> {
        let mut places = self.uses.get(id).cloned().unwrap_or_default();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// How many of a hundred names that might lead somewhere do.
    pub fn share(&self) -> f64 {
        let all = self.linked + self.unknown.len();
        let ratio = |part: usize, whole: usize| {
            let part = u32::try_from(part).unwrap_or(u32::MAX);
            let whole = u32::try_from(whole.max(1)).unwrap_or(u32::MAX);
            100.0 * f64::from(part) / f64::from(whole)
        };
        ratio(self.linked, all)
    }
}
