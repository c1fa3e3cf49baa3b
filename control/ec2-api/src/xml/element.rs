//! Values as elements, by EC2's rules, in one place rather than in attributes on every response type:
//!
//! - a field is an element of its name; an absent one (`None`) leaves no trace;
//! - a sequence repeats its field's element, so `item: Vec<T>` is a list's inside;
//! - a structure without content is `<name/>`.

use std::fmt::{self, Display, Write};

use serde::Serialize;
use serde::ser::{self, Impossible, Serializer};

/// A response holds something that EC2's XML cannot say.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct XmlError(String);

impl ser::Error for XmlError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl XmlError {
    fn cannot_say(what: &str) -> Self {
        Self(format!("EC2's XML has no form for {what}"))
    }
}

impl From<fmt::Error> for XmlError {
    fn from(error: fmt::Error) -> Self {
        Self(error.to_string())
    }
}

/// Appends `text` as character data. A carriage return is written as a reference, because parsers make a line feed of a
/// bare one (XML 1.0, 2.11).
pub(super) fn escape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(index) = rest.find(['&', '<', '>', '\r']) {
        out.push_str(&rest[..index]);
        out.push_str(match rest.as_bytes()[index] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            _ => "&#13;",
        });
        rest = &rest[index + 1..];
    }
    out.push_str(rest);
}

/// Which part of an answer is written. Lists go on from part to part: the first one opens them, the last one closes them.
/// Everything else is in the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whether no other goes before it.
    pub is_first: bool,
    /// Whether no other follows.
    pub is_last: bool,
}

impl Part {
    /// An answer in one part.
    pub const WHOLE: Self = Self {
        is_first: true,
        is_last: true,
    };
}

/// Writes one value as the element `name`.
pub(super) struct Element<'out, 'name> {
    out: &'out mut String,
    name: &'name str,
    /// Of a structure only.
    part: Part,
}

impl<'out, 'name> Element<'out, 'name> {
    pub(super) fn new(out: &'out mut String, name: &'name str) -> Self {
        Self {
            out,
            name,
            part: Part::WHOLE,
        }
    }

    fn open(&mut self) {
        self.out.push('<');
        self.out.push_str(self.name);
        self.out.push('>');
    }

    fn close(&mut self) {
        self.out.push_str("</");
        self.out.push_str(self.name);
        self.out.push('>');
    }

    fn text(mut self, text: &str) {
        self.open();
        escape(text, self.out);
        self.close();
    }

    fn display(mut self, value: impl Display) -> Result<(), XmlError> {
        self.open();
        write!(self.out, "{value}")?;
        self.close();
        Ok(())
    }
}

/// Writes the fields of a structure, without an element around them.
pub(super) struct Fields<'out> {
    out: &'out mut String,
    part: Part,
}

impl<'out> Fields<'out> {
    pub(super) fn new(out: &'out mut String, part: Part) -> Self {
        Self { out, part }
    }
}

/// A structure being written.
pub(super) struct Structure<'out, 'name> {
    element: Element<'out, 'name>,
    /// Where its content begins; `None` where no element is around it.
    content: Option<usize>,
    /// Which part of themselves its fields write.
    fields: Part,
}

impl ser::SerializeStruct for Structure<'_, '_> {
    type Ok = ();
    type Error = XmlError;

    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), XmlError> {
        let mut element = Element::new(self.element.out, name);
        element.part = self.fields;
        value.serialize(element)
    }

    fn end(mut self) -> Result<(), XmlError> {
        let Part { is_first, is_last } = self.element.part;
        match self.content {
            Some(content) if is_last && is_first && content == self.element.out.len() => {
                self.element.out.pop();
                self.element.out.push_str("/>");
            }
            Some(_) if is_last => self.element.close(),
            _ => {}
        }
        Ok(())
    }
}

impl ser::SerializeSeq for Element<'_, '_> {
    type Ok = ();
    type Error = XmlError;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), XmlError> {
        value.serialize(Element::new(self.out, self.name))
    }

    fn end(self) -> Result<(), XmlError> {
        Ok(())
    }
}

type Never = Impossible<(), XmlError>;

macro_rules! write_displayed {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), XmlError> {
            self.display(value)
        })*
    };
}

macro_rules! refuse {
    ($($method:ident($($type:ty),*) -> $ok:ty: $what:literal),* $(,)?) => {
        $(fn $method(self, $(_: $type),*) -> Result<$ok, XmlError> {
            Err(XmlError::cannot_say($what))
        })*
    };
}

macro_rules! refuse_compounds {
    () => {
        type SerializeTuple = Never;
        type SerializeTupleStruct = Never;
        type SerializeTupleVariant = Never;
        type SerializeMap = Never;
        type SerializeStructVariant = Never;

        refuse! {
            serialize_bytes(&[u8]) -> (): "bytes",
            serialize_tuple(usize) -> Never: "a tuple",
            serialize_tuple_struct(&'static str, usize) -> Never: "a tuple",
            serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never: "a tuple",
            serialize_map(Option<usize>) -> Never: "a map",
            serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never: "a variant with fields",
        }

        fn serialize_newtype_variant<T: ?Sized + Serialize>(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: &T,
        ) -> Result<(), XmlError> {
            Err(XmlError::cannot_say("a variant with a value"))
        }

        fn serialize_newtype_struct<T: ?Sized + Serialize>(
            self,
            _: &'static str,
            value: &T,
        ) -> Result<(), XmlError> {
            value.serialize(self)
        }

        fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), XmlError> {
            value.serialize(self)
        }

        fn serialize_none(self) -> Result<(), XmlError> {
            Ok(())
        }
    };
}

impl<'out, 'name> Serializer for Element<'out, 'name> {
    type Ok = ();
    type Error = XmlError;
    type SerializeSeq = Self;
    type SerializeStruct = Structure<'out, 'name>;

    write_displayed! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_i128: i128, serialize_u128: u128, serialize_f32: f32, serialize_f64: f64,
        serialize_bool: bool
    }
    refuse_compounds!();

    fn serialize_char(self, value: char) -> Result<(), XmlError> {
        self.text(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), XmlError> {
        self.text(value);
        Ok(())
    }

    /// Values such as addresses write themselves piece by piece; they need no escaping buffer, but may hold a `<`.
    fn collect_str<T: ?Sized + Display>(mut self, value: &T) -> Result<(), XmlError> {
        struct Escaping<'out>(&'out mut String);
        impl Write for Escaping<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                escape(text, self.0);
                Ok(())
            }
        }
        self.open();
        write!(Escaping(self.out), "{value}")?;
        self.close();
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), XmlError> {
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), XmlError> {
        ser::SerializeStruct::end(self.serialize_struct(name, 0)?)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), XmlError> {
        self.text(variant);
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, XmlError> {
        Ok(self)
    }

    fn serialize_struct(
        mut self,
        _: &'static str,
        _: usize,
    ) -> Result<Structure<'out, 'name>, XmlError> {
        if self.part.is_first {
            self.open();
        }
        Ok(Structure {
            content: Some(self.out.len()),
            element: self,
            fields: Part::WHOLE,
        })
    }
}

macro_rules! refuse_values {
    ($($method:ident: $type:ty),*) => {
        refuse! { $($method($type) -> (): "a value without a name"),* }
    };
}

impl<'out> Serializer for Fields<'out> {
    type Ok = ();
    type Error = XmlError;
    type SerializeSeq = Never;
    type SerializeStruct = Structure<'out, 'static>;

    refuse_values! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64, serialize_bool: bool, serialize_char: char, serialize_str: &str
    }
    refuse_compounds!();
    refuse! {
        serialize_seq(Option<usize>) -> Never: "a list without a name",
        serialize_unit_variant(&'static str, u32, &'static str) -> (): "a value without a name",
    }

    fn serialize_unit(self) -> Result<(), XmlError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), XmlError> {
        Ok(())
    }

    fn serialize_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Structure<'out, 'static>, XmlError> {
        Ok(Structure {
            element: Element::new(self.out, ""),
            content: None,
            fields: self.part,
        })
    }
}
