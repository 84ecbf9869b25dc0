// What a reducer in C needs: memory, the integers of the interface, CBOR in and out.
// `spec/10-reducer.md` is the interface, `spec/01-encoding.md` the encodings.
//
// Bodies come from strangers, so whatever is read is checked and a failure is a value
// that the caller looks at. Input of the host and states are our own: where they are
// wrong the call traps.
#ifndef REDUCER_H
#define REDUCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRAP() __builtin_trap()

// ---- memory: handed out from one end, forgotten as a whole by the next input

extern unsigned char __heap_base;
static uintptr_t heap_top;

static unsigned char *allocate(size_t size) {
    uintptr_t start = heap_top ? heap_top : (uintptr_t)&__heap_base;
    uintptr_t end = start + size, have = __builtin_wasm_memory_size(0) << 16;
    if (end < start) TRAP();
    if (end > have && __builtin_wasm_memory_grow(0, (end - have + 65535) >> 16) == (size_t)-1) TRAP();
    heap_top = end;
    return (unsigned char *)start;
}

static unsigned char *input_start;

__attribute__((export_name("input"))) unsigned char *input(uint32_t len) {
    heap_top = 0;
    return input_start = allocate(len);
}

// ---- bytes

typedef struct {
    const unsigned char *at;
    size_t len;
} Bytes;

#define LITERAL(text) ((Bytes){(const unsigned char *)(text), sizeof(text) - 1})

__attribute__((noinline)) static bool same(Bytes a, Bytes b) {
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (a.at[i] != b.at[i]) return false;
    return true;
}

// ---- writing

typedef struct {
    unsigned char *at;
    size_t len, room;
} Out;

static Out out_new(size_t room) { return (Out){allocate(room), 0, room}; }

static void put(Out *out, unsigned char byte) {
    if (out->len == out->room) TRAP();
    out->at[out->len++] = byte;
}

__attribute__((noinline)) static void put_raw(Out *out, Bytes bytes) {
    if (out->room - out->len < bytes.len) TRAP();
    __builtin_memcpy(out->at + out->len, bytes.at, bytes.len);
    out->len += bytes.len;
}

__attribute__((noinline)) static void put_varint(Out *out, uint64_t value) {
    for (; value >= 0x80; value >>= 7) put(out, (unsigned char)value | 0x80);
    put(out, (unsigned char)value);
}

// Small numbers of either sign are short.
static void put_zigzag(Out *out, int64_t value) {
    put_varint(out, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static void put_bytes(Out *out, Bytes bytes) {
    put_varint(out, bytes.len);
    put_raw(out, bytes);
}

static Bytes done(const Out *out) { return (Bytes){out->at, out->len}; }

static uint64_t answer(const Out *out) { return (uint64_t)(uintptr_t)out->at << 32 | out->len; }

static void put_hex(Out *out, Bytes bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        put(out, (unsigned char)"0123456789abcdef"[bytes.at[i] >> 4]);
        put(out, (unsigned char)"0123456789abcdef"[bytes.at[i] & 15]);
    }
}

// ---- reading input and states

typedef struct {
    const unsigned char *at, *end;
} In;

static In in_new(Bytes bytes) { return (In){bytes.at, bytes.at + bytes.len}; }

__attribute__((noinline)) static Bytes take(In *in, uint64_t len) {
    if (len > (uint64_t)(in->end - in->at)) TRAP();
    Bytes taken = {in->at, (size_t)len};
    in->at += len;
    return taken;
}

static unsigned char get(In *in) { return *take(in, 1).at; }

static uint64_t get_varint(In *in) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        unsigned char byte = get(in);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    TRAP();
}

static int64_t get_zigzag(In *in) {
    uint64_t value = get_varint(in);
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

static Bytes get_bytes(In *in) { return take(in, get_varint(in)); }

// ---- events

typedef struct {
    Bytes id, author, entity, role, kind, body;
    uint64_t seq, hlc;
    bool sequenced;
} Event;

// The hash of an erasable part and the facts come after these; an app that needs them
// reads on.
static Event get_event(Bytes bytes) {
    In in = in_new(bytes);
    Event event;
    event.id = take(&in, 32);
    event.author = take(&in, 32);
    event.entity = take(&in, 32);
    event.seq = get_varint(&in);
    event.hlc = get_varint(&in);
    event.sequenced = get(&in) & 1;
    event.role = get_bytes(&in);
    event.kind = get_bytes(&in);
    event.body = get_bytes(&in);
    return event;
}

// ---- reading CBOR: one encoding for each value, no floats

enum { UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };
enum { SIMPLE_FALSE = 20, SIMPLE_TRUE = 21, SIMPLE_NULL = 22 };
#define LEVELS_MAX 16

typedef struct {
    In in;
    unsigned level;
} Cbor;

static Cbor cbor_new(Bytes bytes) { return (Cbor){in_new(bytes), 1}; }

static bool cbor_ended(const Cbor *cbor) { return cbor->in.at == cbor->in.end; }

static bool cbor_head(Cbor *cbor, unsigned *major, uint64_t *argument) {
    In *in = &cbor->in;
    if (in->at == in->end) return false;
    unsigned char first = *in->at++;
    *major = first >> 5;
    *argument = first & 31;
    if (*argument < 24) return true;
    if (*argument > 27) return false;
    size_t len = (size_t)1 << (*argument - 24);
    if ((size_t)(in->end - in->at) < len) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) value = value << 8 | *in->at++;
    // what would fit into fewer bytes must stand there
    uint64_t above = len == 1 ? 23 : (UINT64_C(1) << 4 * len) - 1;
    *argument = value;
    return value > above;
}

static bool cbor_take(Cbor *cbor, uint64_t len, Bytes *taken) {
    if (len > (uint64_t)(cbor->in.end - cbor->in.at)) return false;
    *taken = take(&cbor->in, len);
    return true;
}

__attribute__((noinline)) static bool is_utf8(Bytes text) {
    for (size_t i = 0; i < text.len;) {
        unsigned char first = text.at[i++];
        if (first < 0x80) continue;
        unsigned more = first < 0xc2 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 0;
        if (more == 0 || text.len - i < more) return false;
        // neither too long a form, nor half of a pair, nor beyond the last character
        unsigned char second = text.at[i];
        if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
            (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
            return false;
        for (; more > 0; more--, i++)
            if (text.at[i] >> 6 != 2) return false;
    }
    return true;
}

// The next item; of an array or map only how long it is.
__attribute__((noinline)) static bool cbor_item(Cbor *cbor, unsigned *major, uint64_t *argument, Bytes *bytes) {
    if (cbor->level > LEVELS_MAX || !cbor_head(cbor, major, argument)) return false;
    switch (*major) {
    case UINT: case NEGATIVE: return *argument <= INT64_MAX;
    case BYTES: return cbor_take(cbor, *argument, bytes);
    case TEXT: return cbor_take(cbor, *argument, bytes) && is_utf8(*bytes);
    case ARRAY: case MAP: return true;
    case SIMPLE: return *argument >= SIMPLE_FALSE && *argument <= SIMPLE_NULL;
    default: return false;
    }
}

// A key of a map. Keys are texts and ascend: the shorter first, then by their bytes.
static bool cbor_key(Cbor *cbor, Bytes *last, bool first, Bytes *key) {
    unsigned major;
    uint64_t len;
    if (!cbor_head(cbor, &major, &len) || major != TEXT) return false;
    if (!cbor_take(cbor, len, key) || !is_utf8(*key)) return false;
    if (!first) {
        if (key->len < last->len) return false;
        if (key->len == last->len) {
            size_t i = 0;
            while (i < key->len && key->at[i] == last->at[i]) i++;
            if (i == key->len || key->at[i] < last->at[i]) return false;
        }
    }
    *last = *key;
    return true;
}

static bool cbor_skip(Cbor *cbor) {
    unsigned major;
    uint64_t len;
    Bytes ignored, last = {0, 0};
    if (!cbor_item(cbor, &major, &len, &ignored)) return false;
    if (major != ARRAY && major != MAP) return true;
    cbor->level++;
    for (uint64_t i = 0; i < len; i++) {
        if (major == MAP && !cbor_key(cbor, &last, i == 0, &ignored)) return false;
        if (!cbor_skip(cbor)) return false;
    }
    cbor->level--;
    return true;
}

static bool cbor_null_is_next(const Cbor *cbor) {
    return !cbor_ended(cbor) && *cbor->in.at == (SIMPLE << 5 | SIMPLE_NULL);
}

static bool cbor_int(Cbor *cbor, int64_t *value) {
    unsigned major;
    uint64_t argument;
    Bytes ignored;
    if (!cbor_item(cbor, &major, &argument, &ignored) || major > NEGATIVE) return false;
    *value = major == UINT ? (int64_t)argument : (int64_t)~argument;
    return true;
}

static bool cbor_text(Cbor *cbor, Bytes *text) {
    unsigned major;
    uint64_t len;
    return cbor_item(cbor, &major, &len, text) && major == TEXT;
}

// 32 bytes.
static bool cbor_id(Cbor *cbor, Bytes *id) {
    unsigned major;
    uint64_t len;
    return cbor_item(cbor, &major, &len, id) && major == BYTES && len == 32;
}

// ---- writing CBOR

__attribute__((noinline)) static void put_head(Out *out, unsigned major, uint64_t value) {
    unsigned char front = (unsigned char)(major << 5);
    if (value < 24) {
        put(out, front | (unsigned char)value);
        return;
    }
    unsigned power = value <= 0xff ? 0 : value <= 0xffff ? 1 : value <= 0xffffffff ? 2 : 3;
    put(out, front | (unsigned char)(24 + power));
    for (int shift = (8 << power) - 8; shift >= 0; shift -= 8) put(out, (unsigned char)(value >> shift));
}

static void put_int(Out *out, int64_t value) {
    if (value >= 0) put_head(out, UINT, (uint64_t)value);
    else put_head(out, NEGATIVE, ~(uint64_t)value);
}

__attribute__((noinline)) static void put_text(Out *out, Bytes text) {
    put_head(out, TEXT, text.len);
    put_raw(out, text);
}

// A text that ends with a zero.
__attribute__((noinline)) static void put_word(Out *out, const char *text) {
    size_t len = 0;
    while (text[len]) len++;
    put_text(out, (Bytes){(const unsigned char *)text, len});
}

static void put_blob(Out *out, Bytes bytes) {
    put_head(out, BYTES, bytes.len);
    put_raw(out, bytes);
}

static void put_simple(Out *out, unsigned which) { put_head(out, SIMPLE, which); }

#endif
