//! Which entries a list holds.

use axum::http::StatusCode;

use super::answers::Refused;
use super::parameters::{Parameters, shown};
use crate::engine::timeline::Status;
use crate::model::{Email, Identifier, Timestamp};
use crate::search::{Search, Summary};

/// What `status` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Valid,
    Expired,
    Deprecated,
}

/// What `location` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    All,
    /// On the web, or nowhere.
    Web,
    /// In a site's own storage.
    PersistentDisk,
}

/// The parts of a key that are given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct KeyParts {
    identifier: Option<Identifier>,
    email: Option<Email>,
    created: Option<Timestamp>,
}

/// The filter of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    parts: KeyParts,
    /// Two parts say different things, or one is no name of an image: nothing fits.
    nothing: bool,
    state: State,
    place: Place,
}

impl Filter {
    /// From the arguments of the path, and the parameters that are called so. Each is an
    /// email, a date or else an identifier, whatever its name, as the field has it.
    pub(super) fn read(arguments: &[&str], parameters: &Parameters) -> Result<Filter, Refused> {
        let state = match parameters.get("status") {
            None | Some("valid") => State::Valid,
            Some("expired") => State::Expired,
            Some("deprecated") => State::Deprecated,
            Some(other) => {
                let other = shown(other);
                let message = format!("status is `{other}`: valid, expired or deprecated is meant");
                return Err(Refused::new(StatusCode::BAD_REQUEST, message));
            }
        };
        let place = match parameters.get("location") {
            None | Some("all") => Place::All,
            Some("web") => Place::Web,
            Some("pdisk") => Place::PersistentDisk,
            Some(other) => {
                let message = format!("location is `{}`: all, web or pdisk is meant", shown(other));
                return Err(Refused::new(StatusCode::BAD_REQUEST, message));
            }
        };
        let mut filter = Filter { parts: KeyParts::default(), nothing: false, state, place };
        let named = ["identifier", "email", "created"].map(|name| parameters.get(name));
        // The pages of the field send this word for what nobody filled in.
        let given = named.into_iter().flatten().filter(|value| *value != "null");
        arguments.iter().copied().chain(given).for_each(|argument| filter.narrow(argument));
        Ok(filter)
    }

    fn narrow(&mut self, argument: &str) {
        let parts = &mut self.parts;
        let agrees = if let Ok(email) = argument.parse::<Email>() {
            *parts.email.get_or_insert_with(|| email.clone()) == email
        } else if let Ok(created) = argument.parse() {
            *parts.created.get_or_insert(created) == created
        } else if let Ok(identifier) = argument.parse() {
            *parts.identifier.get_or_insert(identifier) == identifier
        } else {
            false
        };
        self.nothing |= !agrees;
    }

    /// What is looked up: the rest is for [`Filter::fits`] to say.
    pub(super) fn search(&self) -> Search {
        let KeyParts { identifier, email, .. } = self.parts.clone();
        Search { identifier, endorser: email, ..Search::default() }
    }

    /// True when it names an image, an endorser or a date.
    pub(super) fn is_narrow(&self) -> bool {
        self.nothing || self.parts != KeyParts::default()
    }

    /// True when the entry is in the state that is asked for.
    pub(super) fn has_state(&self, entry: &Summary, now: Timestamp) -> bool {
        state(entry, now) == self.state
    }

    /// True when the entry belongs to the list.
    pub(super) fn fits(&self, entry: &Summary, now: Timestamp) -> bool {
        let KeyParts { identifier, email, created } = &self.parts;
        let key = &entry.key;
        !self.nothing
            && identifier.is_none_or(|identifier| identifier == key.identifier)
            && email.as_ref().is_none_or(|email| *email == key.email)
            // The older entries of an endorser count only when a date is named.
            && created.map_or(entry.is_latest, |created| created == key.created)
            && self.has_state(entry, now)
            && self.has_place(entry)
    }

    fn has_place(&self, entry: &Summary) -> bool {
        let locations = &entry.locations;
        let any = |starts: &[&str]| {
            locations.iter().any(|location| starts.iter().any(|start| location.starts_with(start)))
        };
        match self.place {
            Place::All => true,
            Place::Web => locations.is_empty() || any(&["http://", "https://", "ftp://"]),
            Place::PersistentDisk => any(&["pdisk"]),
        }
    }
}

/// What an entry says of itself. One that this site withdrew counts as deprecated: it must
/// not be used, and who asks only for what is valid must not see it.
pub(super) fn state(entry: &Summary, now: Timestamp) -> State {
    if entry.standing == Status::Withdrawn || entry.deprecated.is_some() {
        State::Deprecated
    } else if entry.is_expired(now) {
        State::Expired
    } else {
        State::Valid
    }
}
