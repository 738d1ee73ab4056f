//! INI files as StratusLab's tools read them: sections, options, continued values.

/// Largest file, in bytes. Real ones have some hundred.
const MAX_BYTES: usize = 256 * 1024;

/// A file that is not INI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct BadIni {
    /// Where, from 1.
    pub line: u32,
    /// What is wrong.
    pub fault: String,
}

/// An option as it is written.
#[derive(Debug, Clone)]
pub struct IniOption {
    /// The section, as written.
    pub section: String,
    /// The name, in lower case.
    pub name: String,
    /// Each line of the value that is not empty, trimmed, with its number.
    pub values: Vec<(String, u32)>,
    /// The line of the name.
    pub line: u32,
}

/// Cuts a file into options, the way Python's ConfigParser does: `name = value`
/// or `name: value`, values continued on lines that begin with white space,
/// comments after `#` or `;` at the start of a line.
pub fn read_ini(text: &str) -> Result<Vec<IniOption>, BadIni> {
    let error = |line: u32, fault: &str| BadIni { line, fault: fault.to_owned() };
    if text.len() > MAX_BYTES {
        return Err(error(1, "the file is larger than 256 KiB"));
    }
    let mut options: Vec<IniOption> = Vec::new();
    let mut section: Option<String> = None;
    let mut continues = false;
    for (line, written) in (1u32..).zip(text.lines()) {
        let trimmed = written.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if written.starts_with([' ', '\t']) && continues {
            if let Some(option) = options.last_mut() {
                option.values.push((trimmed.to_owned(), line));
            }
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[') {
            let name = name.strip_suffix(']').ok_or_else(|| error(line, "a `]` is missing"))?;
            section = Some(name.trim().to_owned());
            continues = false;
            continue;
        }
        let (name, value) = trimmed
            .split_once(['=', ':'])
            .ok_or_else(|| error(line, "neither a section, nor `name = value`, nor a comment"))?;
        let section = section.clone().ok_or_else(|| error(line, "an option before any section"))?;
        let value = value.trim();
        let values = if value.is_empty() { vec![] } else { vec![(value.to_owned(), line)] };
        let name = name.trim().to_lowercase();
        if name.is_empty() {
            return Err(error(line, "an option without a name"));
        }
        options.push(IniOption { section, name, values, line });
        continues = true;
    }
    Ok(options)
}
