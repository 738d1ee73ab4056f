//! The fields of the index, and how texts are taken apart into words.

use tantivy::TantivyDocument;
use tantivy::schema::{
    BytesOptions, FAST, Field, INDEXED, IndexRecordOption, STORED, Schema, TextFieldIndexing,
    TextOptions,
};
use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, RawTokenizer, RemoveLongFilter, SimpleTokenizer, TextAnalyzer,
    TokenizerManager,
};

use super::{SearchError, Summary};
use crate::engine::timeline::Status;
use crate::model::{Email, EntryKey, Identifier};

/// Bytes of a word; what is longer was not written by people.
const MAX_WORD_BYTES: usize = 100;

/// The analyzer of texts: words of letters and digits, without case and accents.
const WORDS: &str = "suq-words";

/// The analyzer of values that are compared as a whole, without case.
const WHOLE: &str = "suq-whole";

/// What is counted of whatever was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Facet {
    /// `slterms:os`.
    Os,
    /// `slterms:os-arch`.
    Arch,
    /// `slterms:kind`.
    Kind,
    /// The endorser's address.
    Endorser,
}

impl Facet {
    /// Every facet.
    pub const ALL: [Facet; 4] = [Facet::Os, Facet::Arch, Facet::Kind, Facet::Endorser];

    /// Its name, which is that of the filter.
    pub const fn name(self) -> &'static str {
        match self {
            Facet::Os => "os",
            Facet::Arch => "arch",
            Facet::Kind => "kind",
            Facet::Endorser => "endorser",
        }
    }
}

/// Names of columns.
pub(super) const CREATED: &str = "created";
pub(super) const VALID: &str = "valid";
pub(super) const STANDING: &str = "standing";
pub(super) const ORDER: &str = "order";

/// What stands in the column of an entry that never expires.
pub(super) const FOREVER: i64 = i64::MAX;

/// Every field.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    /// The content id.
    pub(super) id: Field,
    /// The image.
    pub(super) image: Field,
    /// The image and its endorser.
    pub(super) group: Field,
    /// The same, of those alone that a newer entry may replace.
    pub(super) standing_group: Field,
    pub(super) sha512: Field,
    pub(super) os: Field,
    pub(super) os_version: Field,
    pub(super) arch: Field,
    pub(super) kind: Field,
    pub(super) endorser: Field,
    pub(super) tag: Field,
    /// Texts whose words are looked up, with what a word in them counts.
    pub(super) words: [(Field, f32); 6],
    created: Field,
    valid: Field,
    standing: Field,
    order: Field,
    pub(super) summary: Field,
}

/// The schema with its fields.
pub(super) fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let indexed = |analyzer| {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(analyzer)
            .set_fieldnorms(false)
            .set_index_option(IndexRecordOption::Basic);
        TextOptions::default().set_indexing_options(indexing)
    };
    let whole = indexed(WHOLE);
    let counted = indexed(WHOLE).set_fast("raw");
    let key = BytesOptions::from(INDEXED);
    let fields = Fields {
        id: schema.add_bytes_field("id", key.clone()),
        image: schema.add_bytes_field("image", key.clone()),
        group: schema.add_bytes_field("group", key.clone()),
        standing_group: schema.add_bytes_field("standing-group", key.clone()),
        sha512: schema.add_bytes_field("sha512", key),
        os: schema.add_text_field(Facet::Os.name(), counted.clone()),
        os_version: schema.add_text_field("os-version", whole.clone()),
        arch: schema.add_text_field(Facet::Arch.name(), counted.clone()),
        kind: schema.add_text_field(Facet::Kind.name(), counted.clone()),
        endorser: schema.add_text_field(Facet::Endorser.name(), counted),
        tag: schema.add_text_field("tag", whole),
        words: [
            (schema.add_text_field("title", indexed(WORDS)), 8.0),
            (schema.add_text_field("tags", indexed(WORDS)), 8.0),
            (schema.add_text_field("systems", indexed(WORDS)), 4.0),
            (schema.add_text_field("identifiers", indexed(WORDS)), 4.0),
            (schema.add_text_field("endorsers", indexed(WORDS)), 2.0),
            (schema.add_text_field("texts", indexed(WORDS)), 1.0),
        ],
        created: schema.add_i64_field(CREATED, FAST),
        valid: schema.add_i64_field(VALID, FAST),
        standing: schema.add_u64_field(STANDING, FAST),
        order: schema.add_u64_field(ORDER, FAST),
        summary: schema.add_bytes_field("summary", STORED),
    };
    (schema.build(), fields)
}

/// How texts are taken apart.
pub(super) fn analyzers() -> TokenizerManager {
    // The index asks for those of its own for fields that are no texts.
    let analyzers = TokenizerManager::default();
    analyzers.register(WORDS, words());
    analyzers
        .register(WHOLE, TextAnalyzer::builder(RawTokenizer::default()).filter(LowerCaser).build());
    analyzers
}

fn words() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build()
}

/// The words of a text as they stand in the index, at most so many.
pub(super) fn words_of(text: &str, most: usize) -> Vec<String> {
    let mut analyzer = words();
    let mut stream = analyzer.token_stream(text);
    let mut found = Vec::new();
    while found.len() < most && stream.advance() {
        let word = stream.token().text.clone();
        if !found.contains(&word) {
            found.push(word);
        }
    }
    found
}

/// What all entries of an endorser about an image have in common.
pub(super) fn group(identifier: &Identifier, email: &Email) -> Vec<u8> {
    [identifier.sha1().as_bytes(), email.as_str().as_bytes()].concat()
}

/// A status as a number in a column. Numbers are never used again for another one.
pub(super) const fn number(standing: Status) -> u64 {
    match standing {
        Status::Current => 1,
        Status::Deprecated => 2,
        Status::Expired => 3,
        Status::Superseded => 4,
        Status::Withdrawn => 5,
    }
}

impl Fields {
    /// What the index keeps of an entry.
    pub(super) fn document(&self, entry: &Summary) -> Result<TantivyDocument, SearchError> {
        let Summary { content_id, key, .. } = entry;
        let EntryKey { identifier, email, created } = key;
        let mut document = TantivyDocument::default();
        document.add_bytes(self.id, content_id.as_bytes());
        document.add_bytes(self.image, identifier.sha1().as_bytes());
        let group = group(identifier, email);
        if entry.may_be_replaced() {
            document.add_bytes(self.standing_group, &group);
        }
        document.add_bytes(self.group, &group);
        if let Some(sha512) = &entry.sha512 {
            document.add_bytes(self.sha512, sha512.as_bytes());
        }
        let values = [
            (self.os, &entry.os),
            (self.os_version, &entry.os_version),
            (self.arch, &entry.os_arch),
            (self.kind, &entry.kind),
            (self.tag, &entry.tag),
        ];
        for (field, value) in values {
            if let Some(value) = value {
                document.add_text(field, value);
            }
        }
        document.add_text(self.endorser, email.as_str());
        let [title, tags, systems, identifiers, endorsers, texts] =
            self.words.map(|(field, _)| field);
        let texts = [
            (title, &entry.title),
            (tags, &entry.tag),
            (systems, &entry.os),
            (systems, &entry.os_version),
            (systems, &entry.os_arch),
            (texts, &entry.description),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                document.add_text(field, text);
            }
        }
        document.add_text(identifiers, identifier.to_string());
        document.add_text(endorsers, email.as_str());
        document.add_i64(self.created, created.millis());
        document.add_i64(self.valid, entry.valid.map_or(FOREVER, |valid| valid.millis()));
        document.add_u64(self.standing, number(entry.standing));
        let order =
            content_id.as_bytes().first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
        document.add_u64(self.order, order);
        let summary =
            serde_json::to_vec(entry).map_err(|error| SearchError::Row(error.to_string()))?;
        document.add_bytes(self.summary, &summary);
        Ok(document)
    }
}
