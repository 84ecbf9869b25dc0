//! Bodies into structs.

use core::fmt::Display;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::reader::{BadCbor, Item, Reader};
use super::value::Value;

/// Decodes one value that takes up all of the bytes. Keys that `T` doesn't know are
/// passed over; enums are texts or maps of one pair.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BadCbor> {
    let mut reader = Reader::new(bytes);
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

// the messages are thrown away: a module has nobody to tell them to
impl de::Error for BadCbor {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }

    fn invalid_type(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self
    }

    fn invalid_value(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self
    }

    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        Self
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }

    fn missing_field(_: &'static str) -> Self {
        Self
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self
    }
}

/// Methods that take what they ask for and nothing else.
macro_rules! methods {
    ($shape:ident: $($name:ident)+) => { $(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BadCbor> {
            methods!(@ $shape self visitor)
        }
    )+ };
    (@ signed $reader:ident $visitor:ident) => {
        match $reader.item()? {
            Item::Int(value) => $visitor.visit_i64(value),
            _ => Err(BadCbor),
        }
    };
    (@ unsigned $reader:ident $visitor:ident) => {
        match $reader.item()? {
            Item::Int(value) => match u64::try_from(value) {
                Ok(value) => $visitor.visit_u64(value),
                Err(_) => Err(BadCbor),
            },
            _ => Err(BadCbor),
        }
    };
    (@ text $reader:ident $visitor:ident) => {
        match $reader.item()? {
            Item::Text(text) => $visitor.visit_borrowed_str(text),
            _ => Err(BadCbor),
        }
    };
    (@ bytes $reader:ident $visitor:ident) => {
        match $reader.item()? {
            Item::Bytes(bytes) => $visitor.visit_borrowed_bytes(bytes),
            _ => Err(BadCbor),
        }
    };
    (@ float $reader:ident $visitor:ident) => {{
        // there are no floats
        let _ = ($reader, $visitor);
        Err(BadCbor)
    }};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = BadCbor;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BadCbor> {
        match self.item()? {
            Item::Null => visitor.visit_unit(),
            Item::Bool(value) => visitor.visit_bool(value),
            Item::Int(value) => match u64::try_from(value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(value),
            },
            Item::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Item::Text(text) => visitor.visit_borrowed_str(text),
            Item::Array(len) => self.array(len, visitor),
            Item::Map(len) => self.map(len, visitor),
        }
    }

    // What a type asks for decides what may come, so that only the code for that is in a
    // module: a struct is a map and never an array, text is never bytes.

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BadCbor> {
        match self.item()? {
            Item::Bool(value) => visitor.visit_bool(value),
            _ => Err(BadCbor),
        }
    }

    methods! {
        signed: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
    }

    methods! {
        unsigned: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    methods! { float: deserialize_f32 deserialize_f64 }

    methods! { text: deserialize_char deserialize_str deserialize_string deserialize_identifier }

    methods! { bytes: deserialize_bytes deserialize_byte_buf }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BadCbor> {
        match self.item()? {
            Item::Null => visitor.visit_unit(),
            _ => Err(BadCbor),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, BadCbor> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BadCbor> {
        self.skip()?;
        visitor.visit_unit()
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BadCbor> {
        match self.item()? {
            Item::Map(len) => self.map(len, visitor),
            _ => Err(BadCbor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, BadCbor> {
        self.deserialize_map(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BadCbor> {
        if self.null_is_next() {
            self.item()?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, BadCbor> {
        visitor.visit_newtype_struct(self)
    }

    // a byte string is also a list of small numbers, so that `[u8; 32]` is one
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BadCbor> {
        match self.item()? {
            Item::Array(len) => self.array(len, visitor),
            Item::Bytes(bytes) => {
                let mut items =
                    de::value::SeqDeserializer::<_, BadCbor>::new(bytes.iter().copied());
                let value = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(value)
            }
            _ => Err(BadCbor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, BadCbor> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, BadCbor> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, BadCbor> {
        match self.item()? {
            Item::Text(name) => visitor.visit_enum(name.into_deserializer()),
            Item::Map(1) => {
                self.enter();
                let name = self.key(None)?;
                let value = visitor.visit_enum(Variant { reader: self, name })?;
                self.leave();
                Ok(value)
            }
            _ => Err(BadCbor),
        }
    }
}

impl<'de> Reader<'de> {
    fn array<V: Visitor<'de>>(&mut self, len: u64, visitor: V) -> Result<V::Value, BadCbor> {
        self.enter();
        let mut items = Items {
            reader: self,
            left: len,
        };
        let value = visitor.visit_seq(&mut items)?;
        if items.left > 0 {
            return Err(BadCbor);
        }
        self.leave();
        Ok(value)
    }

    fn map<V: Visitor<'de>>(&mut self, len: u64, visitor: V) -> Result<V::Value, BadCbor> {
        self.enter();
        let mut pairs = Pairs {
            reader: self,
            left: len,
            last: None,
        };
        let value = visitor.visit_map(&mut pairs)?;
        if pairs.left > 0 {
            return Err(BadCbor);
        }
        self.leave();
        Ok(value)
    }
}

struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: u64,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = BadCbor;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, BadCbor> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

struct Pairs<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: u64,
    last: Option<&'de str>,
}

impl<'de> MapAccess<'de> for Pairs<'_, 'de> {
    type Error = BadCbor;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, BadCbor> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let key = self.reader.key(self.last)?;
        self.last = Some(key);
        seed.deserialize(de::value::BorrowedStrDeserializer::new(key))
            .map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, BadCbor> {
        seed.deserialize(&mut *self.reader)
    }
}

struct Variant<'a, 'de> {
    reader: &'a mut Reader<'de>,
    name: &'de str,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = BadCbor;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), BadCbor> {
        let name = de::value::BorrowedStrDeserializer::<BadCbor>::new(self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = BadCbor;

    fn unit_variant(self) -> Result<(), BadCbor> {
        // a variant without a value is a text: each value has one encoding
        Err(BadCbor)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, BadCbor> {
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, BadCbor> {
        self.reader.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, BadCbor> {
        self.reader.deserialize_map(visitor)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.encode())
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // postcard, which states are stored with, doesn't say what comes next
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(Shape)
        } else {
            let bytes = crate::values::Bytes::deserialize(deserializer)?;
            Self::decode(&bytes.0).map_err(de::Error::custom)
        }
    }
}

struct Shape;

impl<'de> Visitor<'de> for Shape {
    type Value = Value;

    fn expecting(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value).map(Value::Int).map_err(E::custom)
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.to_vec()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let mut values: Vec<(String, Value)> = Vec::new();
        while let Some(pair) = pairs.next_entry()? {
            values.push(pair);
        }
        Ok(Value::Map(values))
    }
}
