//! The description while it is written: paths on one side, the shapes they name on the other.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::bodies::Problem;

/// Collects operations and the schemas of what they take and give.
pub struct Book {
    schemas: SchemaGenerator,
    paths: Map<String, Value>,
}

impl Book {
    pub fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Book { schemas: settings.into_generator(), paths: Map::new() }
    }

    /// Begins an operation: `"GET /v1/jobs"`, its name for generated clients, its section.
    pub fn op(&mut self, at: &'static str, id: &'static str, section: &'static str) -> Op<'_> {
        let (method, path) = at.split_once(' ').unwrap_or(("GET", at));
        let method = method.to_ascii_lowercase();
        let mut op = Op { book: self, path, method };
        op.set("operationId", json!(id));
        op.set("tags", json!([section]));
        op.fails(400, "The address or the body can not be read; the text says what is right");
        for name in path.split('/').filter_map(|part| part.strip_prefix('{')) {
            let name = name.trim_end_matches('}');
            let about = match name {
                "job_name" => "The job's name",
                "execution" => "The execution's id, as lists show it",
                _ => "Its name, as lists show it",
            };
            op.param("path", name, json!({ "type": "string", "minLength": 1 }), about);
        }
        op
    }

    /// A shape that no answer names by itself.
    pub fn shape<T: JsonSchema>(&mut self) {
        let _ = self.schemas.subschema_for::<T>();
    }

    /// All of it as one document.
    pub fn finish(mut self, head: Value) -> Value {
        let mut document = head;
        document["paths"] = Value::Object(self.paths);
        document["components"] = json!({ "schemas": self.schemas.take_definitions(true) });
        document
    }
}

/// One operation; each call adds to it.
pub struct Op<'a> {
    book: &'a mut Book,
    path: &'static str,
    method: String,
}

impl Op<'_> {
    fn node(&mut self) -> &mut Map<String, Value> {
        let empty = || Value::Object(Map::new());
        let path = self.book.paths.entry(self.path).or_insert_with(empty);
        if !path.is_object() {
            *path = empty();
        }
        let op = path.as_object_mut().map(|path| path.entry(&*self.method).or_insert_with(empty));
        op.and_then(Value::as_object_mut).expect("both levels were just made objects")
    }

    fn set(&mut self, key: &str, value: Value) {
        self.node().insert(key.to_owned(), value);
    }

    pub fn about(&mut self, summary: &str, description: &str) -> &mut Self {
        self.set("summary", json!(summary));
        if !description.is_empty() {
            self.set("description", json!(description));
        }
        self
    }

    fn param(&mut self, place: &str, name: &str, schema: Value, about: &str) -> &mut Self {
        let param = json!({
            "in": place, "name": name, "required": place == "path",
            "schema": schema, "description": about,
        });
        let params = self.node().entry("parameters").or_insert_with(|| json!([]));
        if let Some(params) = params.as_array_mut() {
            params.push(param);
        }
        self
    }

    pub fn query(&mut self, name: &str, schema: Value, about: &str) -> &mut Self {
        self.param("query", name, schema, about)
    }

    /// Which version of the job a write is for.
    pub fn demands(&mut self) -> &mut Self {
        let of = "A version, as `ETag` shows it: ";
        self.param("header", "If-Match", text(), &format!("{of}only if the job has it"))
            .param("header", "If-None-Match", text(), "`*`: only if there is no such job")
            .fails(412, "The job is not as the headers demand; the text says its version")
    }

    /// A JSON body; other content types are read as JSON too.
    pub fn body<T: JsonSchema>(&mut self, required: bool, about: &str) -> &mut Self {
        self.body_as::<T>("application/json", about);
        self.node()["requestBody"]["required"] = json!(required);
        self
    }

    /// A body of that type alone.
    pub fn body_as<T: JsonSchema>(&mut self, kind: &str, about: &str) -> &mut Self {
        let schema = self.book.schemas.subschema_for::<T>();
        let content = json!({ kind: { "schema": schema } });
        self.set(
            "requestBody",
            json!({ "required": true, "description": about, "content": content }),
        );
        self
    }

    /// Another form of the same body.
    pub fn or_body<T: JsonSchema>(&mut self, kind: &str) -> &mut Self {
        let schema = self.book.schemas.subschema_for::<T>();
        let body = self.node().get_mut("requestBody");
        if let Some(content) = body.and_then(|body| body.get_mut("content")) {
            content[kind] = json!({ "schema": schema });
        }
        self
    }

    /// JSON, one value a line.
    pub fn lines(&mut self, about: &str) -> &mut Self {
        let content = json!({ "application/x-ndjson": { "schema": { "type": "string" } } });
        let body = json!({ "required": true, "description": about, "content": content });
        self.set("requestBody", body);
        self
    }

    /// A file in the form field `file`.
    pub fn file(&mut self, about: &str) -> &mut Self {
        let file = json!({ "type": "string", "format": "binary" });
        let form =
            json!({ "type": "object", "required": ["file"], "properties": { "file": file } });
        let content = json!({ "multipart/form-data": { "schema": form } });
        let body = json!({ "required": true, "description": about, "content": content });
        self.set("requestBody", body);
        self
    }

    fn answer(&mut self, status: u16, about: &str, content: Value) -> &mut Self {
        let mut answer = json!({ "description": about });
        if content.as_object().is_some_and(|kinds| !kinds.is_empty()) {
            answer["content"] = content;
        }
        let answers = self.node().entry("responses").or_insert_with(|| json!({}));
        answers[status.to_string()] = answer;
        self
    }

    /// An answer of JSON.
    pub fn gives<T: JsonSchema>(&mut self, status: u16, about: &str) -> &mut Self {
        let schema = self.book.schemas.subschema_for::<T>();
        self.answer(status, about, json!({ "application/json": { "schema": schema } }))
    }

    /// An answer of another kind.
    pub fn gives_as(&mut self, status: u16, kind: &str, about: &str) -> &mut Self {
        self.answer(status, about, json!({ kind: { "schema": { "type": "string" } } }))
    }

    /// An answer without a body.
    pub fn gives_nothing(&mut self, status: u16, about: &str) -> &mut Self {
        self.answer(status, about, json!({}))
    }

    /// A refusal: a text, or a problem for who accepts one.
    pub fn fails(&mut self, status: u16, about: &str) -> &mut Self {
        let problem = self.book.schemas.subschema_for::<Problem>();
        let content = json!({
            "text/plain": { "schema": { "type": "string" } },
            "application/problem+json": { "schema": problem },
        });
        self.answer(status, about, content)
    }

    /// The same, unless something else was said of that status.
    fn may_fail(&mut self, status: u16, about: &str) -> &mut Self {
        let is_said =
            self.node().get("responses").is_some_and(|all| !all[status.to_string()].is_null());
        if is_said { self } else { self.fails(status, about) }
    }

    /// What Dkron answers without a word; a problem for who accepts one.
    pub fn missing(&mut self, about: &str) -> &mut Self {
        self.silent(404, about)
    }

    /// A refusal without a body; a problem for who accepts one.
    pub fn silent(&mut self, status: u16, about: &str) -> &mut Self {
        self.answer(status, about, json!({})).with(status, "X-Dkron-Reason", "Why")
    }

    /// A header of an answer that was described before.
    pub fn with(&mut self, status: u16, name: &str, about: &str) -> &mut Self {
        let header = json!({ "description": about, "schema": { "type": "string" } });
        let answers = self.node().get_mut("responses");
        if let Some(answer) = answers.and_then(|all| all.get_mut(status.to_string())) {
            let headers = answer.as_object_mut().map(|a| a.entry("headers"));
            if let Some(headers) = headers {
                headers.or_insert_with(|| json!({}))[name] = header;
            }
        }
        self
    }

    /// What every read of replicated state has.
    pub fn reads(&mut self) -> &mut Self {
        self.query("stale", flag(), "Answer from what this server knows; any value")
            .query("consistent", flag(), "Answer 503 rather than with old data; any value")
            .query("index", whole(), "Answer when this server has seen that entry of the log")
            .query("wait", text(), "How long `index` is waited for: a duration, at most 10m")
            .pretty()
            .fails(503, "This server can not answer now; Retry-After says when to ask again")
    }

    pub fn pretty(&mut self) -> &mut Self {
        self.query("pretty", flag(), "JSON with four blanks of indentation; any value")
    }

    /// What every write has.
    pub fn writes(&mut self) -> &mut Self {
        self.param("header", "X-Dkron-User", text(), "Whose write it is, at most 128 bytes")
            .param("header", "Idempotency-Key", text(), "The same again is carried out once")
            .pretty()
            .fails(410, "It was carried out before, and its answer is not kept")
            .may_fail(413, "The body is larger than 1 MiB")
            .fails(422, "The key was used for another request")
            .fails(403, "The page that asks is of another origin")
            .written()
            .fails(503, "No leader, no room, or an outcome that is not known; Retry-After")
    }

    /// The header that every write's answer has.
    fn written(&mut self) -> &mut Self {
        for status in [200, 201, 202] {
            self.with(status, "X-Dkron-Index", "The entry of the log that carried the write");
        }
        self
    }

    /// `_start` and `_end` of a list that is counted in a header.
    pub fn pages(&mut self) -> &mut Self {
        self.query("_start", whole(), "The first position of the page, from 0")
            .query("_end", whole(), "The position after the page")
            .with(200, "X-Total-Count", "How many there are in all")
    }
}

/// A query key whose presence counts.
pub fn flag() -> Value {
    json!({ "type": "string" })
}

pub fn text() -> Value {
    json!({ "type": "string" })
}

pub fn whole() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

pub fn one_of(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

pub fn instant() -> Value {
    json!({ "type": "string", "format": "date-time" })
}
