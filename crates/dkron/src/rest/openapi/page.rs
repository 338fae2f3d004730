//! The description as one page without scripts: it can be read and searched anywhere, and nothing
//! comes from outside.

use std::fmt::Write as _;

use serde_json::{Map, Value};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// `document` as HTML.
pub fn render(document: &Value) -> String {
    let mut page = Page::default();
    let title = text(&document["info"]["title"]);
    page.put(&format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <link rel=\"stylesheet\" href=\"docs/style.css\"></head><body><main><h1>{title}</h1>\
         <p>{}</p><p>The same for programs: <a href=\"v1/openapi.json\">openapi.json</a></p>",
        prose(&document["info"]["description"]),
    ));
    for tag in document["tags"].as_array().into_iter().flatten() {
        page.section(document, tag);
    }
    page.put("<h2 id=\"shapes\">Shapes</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        page.shape(name, schema);
    }
    page.put("</main></body></html>\n");
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn put(&mut self, html: &str) {
        self.0.push_str(html);
    }

    fn section(&mut self, document: &Value, tag: &Value) {
        let name = text(&tag["name"]);
        self.put(&format!("<h2 id=\"{name}\">{name}</h2><p>{}</p>", prose(&tag["description"])));
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for method in METHODS {
                let op = &methods[method];
                if op["tags"][0] == tag["name"] {
                    self.operation(method, path, op);
                }
            }
        }
    }

    fn operation(&mut self, method: &str, path: &str, op: &Value) {
        let id = text(&op["operationId"]);
        self.put(&format!(
            "<details id=\"{id}\"><summary><b class=\"{method}\">{}</b> <code>{}</code> {}\
             </summary><p>{}</p>",
            method.to_uppercase(),
            escape(path),
            prose(&op["summary"]),
            prose(&op["description"]),
        ));
        self.parameters(op["parameters"].as_array());
        for (kind, media) in op["requestBody"]["content"].as_object().into_iter().flatten() {
            let about = prose(&op["requestBody"]["description"]);
            let shape = shape_of(&media["schema"]);
            self.put(&format!("<h4>Body</h4><p>{}: {shape}. {about}.</p>", escape(kind)));
        }
        self.put("<h4>Answers</h4><table>");
        for (status, answer) in op["responses"].as_object().into_iter().flatten() {
            let content = answer["content"].as_object();
            let shape = content.and_then(|kinds| kinds.iter().next());
            let shape = shape.map_or(String::new(), |(kind, media)| match kind.as_str() {
                "application/json" => shape_of(&media["schema"]),
                other => escape(other),
            });
            let headers = headers(answer["headers"].as_object());
            let about = prose(&answer["description"]);
            self.put(&format!("<tr><td>{status}<td>{shape}<td>{about}{headers}"));
        }
        self.put("</table></details>");
    }

    fn parameters(&mut self, all: Option<&Vec<Value>>) {
        let Some(all) = all else { return };
        self.put("<h4>Parameters</h4><table>");
        for param in all {
            self.put(&format!(
                "<tr><td><code>{}</code><td>{}<td>{}<td>{}",
                text(&param["name"]),
                text(&param["in"]),
                shape_of(&param["schema"]),
                prose(&param["description"]),
            ));
        }
        self.put("</table>");
    }

    fn shape(&mut self, name: &str, schema: &Value) {
        let name = escape(name);
        let about = prose(&schema["description"]);
        self.put(&format!(
            "<details id=\"shape-{name}\"><summary><code>{name}</code> {about}</summary><table>"
        ));
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            let (shape, about) = (shape_of(schema), prose(&schema["description"]));
            self.put(&format!("<tr><td><code>{}</code><td>{shape}<td>{about}", escape(field)));
        }
        self.put("</table></details>");
    }
}

fn headers(all: Option<&Map<String, Value>>) -> String {
    let mut html = String::new();
    for (name, header) in all.into_iter().flatten() {
        let about = prose(&header["description"]);
        let _ = write!(html, "<br><code>{}</code> {about}", escape(name));
    }
    html
}

/// A schema in a few words, shapes as links.
fn shape_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next()) {
        let name = escape(name);
        return format!("<a href=\"#shape-{name}\">{name}</a>");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("<code>{}</code>", escape(&word.to_string())))
            .collect();
        return words.join(" ");
    }
    if let Some(any) = schema["anyOf"].as_array() {
        return any.iter().map(shape_of).collect::<Vec<_>>().join(" or ");
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        kind => text(kind),
    };
    match kind.as_str() {
        "array" => format!("list of {}", shape_of(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("map of {}", shape_of(&schema["additionalProperties"]))
        }
        _ => match schema["format"].as_str() {
            Some(format) => format!("{kind} ({})", escape(format)),
            None => kind,
        },
    }
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or(""))
}

/// A text whose `code` is set apart.
fn prose(value: &Value) -> String {
    let parts = value.as_str().unwrap_or("").split('`').map(escape);
    let mut html = String::new();
    for (no, part) in parts.enumerate() {
        match no % 2 {
            0 => html.push_str(&part),
            _ => html.push_str(&format!("<code>{part}</code>")),
        }
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&#34;")
}
