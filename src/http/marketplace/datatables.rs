//! The list as DataTables 1.9 asks for it: rows of cells, searched, sorted, a page at a time.

use super::answers::Refused;
use super::parameters::Parameters;
use crate::search::Summary;

/// Cells of a row.
pub(super) const COLUMNS: usize = 11;

/// The columns by their headings; the first is where a page has its buttons.
pub(super) const HEADINGS: [&str; COLUMNS] = [
    "",
    "OS",
    "OS version",
    "Architecture",
    "Endorser",
    "Kind",
    "Created",
    "Identifier",
    "Location",
    "Description",
    "Title",
];

/// The columns that are searched by themselves: `sSearch_1` to `sSearch_5`.
const SEARCHED: usize = 5;

/// The column of the date, by which a list is sorted when nothing else is asked for.
const CREATED: usize = 6;

/// Characters of a cell by which rows are sorted: a list of 100 000 stays small.
const SORTED_BY: usize = 64;

/// The parameters that make a request one of DataTables.
pub(super) const NAMES: [&str; 6] =
    ["sEcho", "iDisplayStart", "iDisplayLength", "iSortCol_0", "sSortDir_0", "sSearch"];

/// What a row of the list says; none where the manifest says nothing.
pub(super) type Cells = [Option<String>; COLUMNS];

/// The cells of an entry.
pub(super) fn cells(entry: &Summary) -> Cells {
    [
        Some(String::new()),
        entry.os.clone(),
        entry.os_version.clone(),
        entry.os_arch.clone(),
        Some(entry.key.email.to_string()),
        entry.kind.clone(),
        Some(entry.key.created.to_string()),
        Some(entry.key.identifier.to_string()),
        entry.locations.first().cloned(),
        entry.description.clone(),
        entry.title.clone(),
    ]
}

/// What DataTables asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// Comes back, so that answers are told apart. A number: a text could be a script.
    pub(super) echo: i64,
    start: usize,
    length: Option<usize>,
    column: Option<usize>,
    descending: bool,
    /// Each must occur in a cell.
    words: Vec<String>,
    /// What must occur in a cell of these columns.
    parts: Vec<(usize, String)>,
}

impl Table {
    /// From the parameters of a request.
    pub(super) fn read(parameters: &Parameters) -> Result<Table, Refused> {
        let number = |name: &str| parameters.number(name).map_err(Refused::bad);
        let column = match number("iSortCol_0")? {
            None => None,
            Some(column) => match usize::try_from(column).ok().filter(|column| *column < COLUMNS) {
                Some(column) => Some(column),
                None => {
                    let message = format!("iSortCol_0 is {column}: 0 to {} are there", COLUMNS - 1);
                    return Err(Refused::bad(message));
                }
            },
        };
        let lower = |text: &str| text.to_lowercase();
        let words = parameters.get("sSearch").unwrap_or_default();
        let part = |column: usize| {
            let part = parameters.get(&format!("sSearch_{column}"))?;
            Some((column, lower(part)))
        };
        Ok(Table {
            echo: number("sEcho")?.unwrap_or(0),
            start: usize::try_from(number("iDisplayStart")?.unwrap_or(0)).unwrap_or(0),
            // -1 is how DataTables asks for all.
            length: number("iDisplayLength")?.and_then(|length| usize::try_from(length).ok()),
            column,
            descending: parameters.get("sSortDir_0").is_some_and(|way| way == "desc"),
            words: words.split_whitespace().map(lower).collect(),
            parts: (1..=SEARCHED).filter_map(part).collect(),
        })
    }

    /// True when every word is in a cell, and each part in its own.
    pub(super) fn finds(&self, cells: &Cells) -> bool {
        if self.words.is_empty() && self.parts.is_empty() {
            return true;
        }
        let lower: Vec<String> =
            cells.iter().map(|cell| cell.as_deref().unwrap_or_default().to_lowercase()).collect();
        self.words.iter().all(|word| lower.iter().any(|cell| cell.contains(word)))
            && self.parts.iter().all(|(column, part)| lower[*column].contains(part))
    }

    /// What a row is sorted by.
    pub(super) fn sorted_by(&self, cells: &Cells) -> String {
        let cell = cells[self.column.unwrap_or(CREATED)].as_deref().unwrap_or_default();
        cell.chars().take(SORTED_BY).collect()
    }

    /// True when the greatest comes first: the newest, when no column is named.
    pub(super) fn is_descending(&self) -> bool {
        self.column.is_none() || self.descending
    }

    /// The page of what was found.
    pub(super) fn page<'a, T>(&self, found: &'a [T]) -> &'a [T] {
        let rest = found.get(self.start..).unwrap_or_default();
        &rest[..self.length.unwrap_or(usize::MAX).min(rest.len())]
    }
}
