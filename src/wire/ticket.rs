//! What a site hands to another so that it can join.

use std::fmt;
use std::str::FromStr;

use bech32::{Bech32m, Checksum, Hrp};
use serde::{Deserialize, Serialize};

use super::{DecodeError, decode, encode};
use crate::membership::{MAX_CHAIN, Membership};
use crate::model::{Address, FederationId, Peer};

/// Addresses in one ticket: enough for several interfaces, few enough to paste.
pub const MAX_TICKET_ADDRESSES: usize = 8;

/// Founders of one federation.
pub const MAX_FOUNDERS: usize = 16;

/// Longest ticket, in characters: every address, founder and membership that it may hold.
const MAX_TEXT: usize = 16 * 1024;

/// The part before the separator `1`.
const PREFIX: &str = "suq";

/// A federation and one of its nodes, as one line of text: `suq1…`.
///
/// The text is Bech32m (BIP 350) of the CBOR: its checksum finds typing errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The federation.
    pub federation: FederationId,
    /// Its name, for people.
    pub name: String,
    /// A node of it.
    pub peer: Peer,
    /// Where that node can be reached.
    pub addresses: Vec<Address>,
    /// Whose word lets peers in, when the federation is closed; at most
    /// [`MAX_FOUNDERS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub founders: Vec<Peer>,
    /// Why the one whom the ticket is for belongs to the federation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Membership>,
}

/// A checksum like Bech32m's for tickets longer than a payment address.
enum TicketChecksum {}

impl Checksum for TicketChecksum {
    type MidstateRepr = u32;
    type CorrectionField = <Bech32m as Checksum>::CorrectionField;
    const ROOT_GENERATOR: Self::CorrectionField = Bech32m::ROOT_GENERATOR;
    const ROOT_EXPONENTS: std::ops::RangeInclusive<usize> = Bech32m::ROOT_EXPONENTS;
    const CODE_LENGTH: usize = MAX_TEXT;
    const CHECKSUM_LENGTH: usize = Bech32m::CHECKSUM_LENGTH;
    const GENERATOR_SH: [u32; 5] = Bech32m::GENERATOR_SH;
    const TARGET_RESIDUE: u32 = Bech32m::TARGET_RESIDUE;
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = bech32::encode::<TicketChecksum>(Hrp::parse_unchecked(PREFIX), &encode(self))
            .map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

/// Text that is not a ticket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTicket {
    /// Does not begin like one.
    #[error("this is not a ticket: a ticket is one line that begins with `suq1`")]
    Prefix,
    /// Characters were lost, added or changed.
    #[error("the ticket has a typing error or was cut ({0}): copy the whole line again")]
    Typo(String),
    /// The checksum holds but the content does not read.
    #[error("the ticket cannot be read: {0}; ask for one made by a matching version of suq")]
    Content(DecodeError),
    /// More addresses, founders or memberships than a ticket may have.
    #[error("the ticket has {count} {what}; at most {most} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// The limit.
        most: usize,
    },
}

impl FromStr for Ticket {
    type Err = BadTicket;

    fn from_str(text: &str) -> Result<Ticket, BadTicket> {
        let text = text.trim();
        if !text.to_ascii_lowercase().starts_with("suq1") {
            return Err(BadTicket::Prefix);
        }
        if text.len() > MAX_TEXT {
            return Err(BadTicket::Typo(format!("longer than {MAX_TEXT} characters")));
        }
        let checked = bech32::primitives::decode::CheckedHrpstring::new::<TicketChecksum>(text)
            .map_err(|error| BadTicket::Typo(error.to_string()))?;
        let bytes: Vec<u8> = checked.byte_iter().collect();
        let ticket: Ticket = decode(&bytes).map_err(BadTicket::Content)?;
        for (what, count, most) in [
            ("addresses", ticket.addresses.len(), MAX_TICKET_ADDRESSES),
            ("founders", ticket.founders.len(), MAX_FOUNDERS),
            ("memberships", ticket.chain.len(), MAX_CHAIN),
        ] {
            if count > most {
                return Err(BadTicket::TooMany { what, count, most });
            }
        }
        Ok(ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        Ticket {
            federation: FederationId::from_bytes([3; 32]),
            name: "egi".to_owned(),
            peer: Peer::from_key([9; 32]),
            addresses: vec![
                "/ip4/192.0.2.1/tcp/4001".parse().unwrap(),
                "/dns4/node.example.org/tcp/4001".parse().unwrap(),
            ],
            founders: Vec::new(),
            chain: Vec::new(),
        }
    }

    #[test]
    fn a_ticket_survives_the_round_trip_with_white_space_around_it() {
        let text = format!("  {}\n", ticket());
        assert_eq!(text.parse(), Ok(ticket()));
    }

    #[test]
    fn every_single_typo_is_found() {
        let text = ticket().to_string();
        for position in 4..text.len() {
            let mut typo = text.clone().into_bytes();
            typo[position] = if typo[position] == b'q' { b'p' } else { b'q' };
            let error = String::from_utf8(typo).unwrap().parse::<Ticket>().unwrap_err();
            assert!(matches!(error, BadTicket::Typo(_)), "{position}: {error}");
        }
        for end in 4..text.len() {
            assert!(matches!(text[..end].parse::<Ticket>(), Err(BadTicket::Typo(_))), "{end}");
        }
    }
}
