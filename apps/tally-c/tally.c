// The reducer of the app `tally` in C: the same rules, states and rows as apps/tally,
// byte for byte. An example of how little a reducer needs; see docs/APPS.md.
#include "manifest.h"
#include "reducer.h"

enum { TITLE_MAX = 200, UNIT_MAX = 20, NOTE_MAX = 280, GIVERS_MAX = 200 };

// ---- events

typedef enum { OPEN, ADD, CLOSE } Kind;

// What a body holds; which fields are used depends on the kind.
typedef struct {
    Bytes title, unit, note, tally;
    int64_t goal, amount;
    bool has_title, has_unit, has_goal, has_tally, has_amount;
} Body;

// Gives the code of the rejection, or one of length 0.
static Bytes read_kind(Bytes text, Kind *kind) {
    if (same(text, LITERAL("tally.open"))) *kind = OPEN;
    else if (same(text, LITERAL("tally.add"))) *kind = ADD;
    else if (same(text, LITERAL("tally.close"))) *kind = CLOSE;
    else return LITERAL("unknown_kind");
    return LITERAL("");
}

// A field that may be null, which is as if it were not there.
static bool is_null(Cbor *cbor) { return cbor_null_is_next(cbor) && cbor_skip(cbor); }

static bool read_field(Cbor *cbor, Kind kind, Bytes key, Body *body) {
    if (kind == OPEN && same(key, LITERAL("title"))) return body->has_title = cbor_text(cbor, &body->title);
    if (kind == OPEN && same(key, LITERAL("unit"))) return body->has_unit = cbor_text(cbor, &body->unit);
    if (kind == OPEN && same(key, LITERAL("goal")))
        return is_null(cbor) || (body->has_goal = cbor_int(cbor, &body->goal));
    if (kind != OPEN && same(key, LITERAL("tally"))) return body->has_tally = cbor_id(cbor, &body->tally);
    if (kind == ADD && same(key, LITERAL("amount"))) return body->has_amount = cbor_int(cbor, &body->amount);
    if (kind == ADD && same(key, LITERAL("note"))) return is_null(cbor) || cbor_text(cbor, &body->note);
    return cbor_skip(cbor);
}

static bool read_body(Bytes bytes, Kind kind, Body *body) {
    *body = (Body){.note = LITERAL("")};
    Cbor cbor = cbor_new(bytes);
    unsigned major;
    uint64_t len;
    Bytes key, last = {0, 0};
    if (!cbor_item(&cbor, &major, &len, &key) || major != MAP) return false;
    cbor.level++;
    for (uint64_t i = 0; i < len; i++)
        if (!cbor_key(&cbor, &last, i == 0, &key) || !read_field(&cbor, kind, key, body)) return false;
    if (!cbor_ended(&cbor)) return false;
    switch (kind) {
    case OPEN: return body->has_title && body->has_unit;
    case ADD: return body->has_tally && body->has_amount;
    default: return body->has_tally;
    }
}

// ---- the state

typedef struct {
    Bytes entity;
    int64_t sum;
} Giver;

typedef struct {
    Bytes owner, title, unit, last_note;
    int64_t goal, sum;
    uint64_t count, last_ms;
    bool exists, has_goal, closed;
    size_t givers_len;
    Giver givers[GIVERS_MAX];
} State;

static void read_state(Bytes bytes, State *state) {
    In in = in_new(bytes);
    state->exists = true;
    state->owner = get_bytes(&in);
    state->title = get_bytes(&in);
    state->unit = get_bytes(&in);
    state->has_goal = get(&in);
    state->goal = state->has_goal ? get_zigzag(&in) : 0;
    state->closed = get(&in);
    state->sum = get_zigzag(&in);
    state->count = get_varint(&in);
    state->last_ms = get_varint(&in);
    state->last_note = get_bytes(&in);
    state->givers_len = get_varint(&in);
    if (state->givers_len > GIVERS_MAX) TRAP();
    for (size_t i = 0; i < state->givers_len; i++) {
        state->givers[i].entity = get_bytes(&in);
        state->givers[i].sum = get_zigzag(&in);
    }
}

static void put_state(Out *out, const State *state) {
    put_bytes(out, state->owner);
    put_bytes(out, state->title);
    put_bytes(out, state->unit);
    put(out, state->has_goal);
    if (state->has_goal) put_zigzag(out, state->goal);
    put(out, state->closed);
    put_zigzag(out, state->sum);
    put_varint(out, state->count);
    put_varint(out, state->last_ms);
    put_bytes(out, state->last_note);
    put_varint(out, state->givers_len);
    for (size_t i = 0; i < state->givers_len; i++) {
        put_bytes(out, state->givers[i].entity);
        put_zigzag(out, state->givers[i].sum);
    }
}

// ---- the rules: each gives the code of the rejection and then has changed nothing

static Bytes open_tally(State *state, const Body *body, const Event *event) {
    if (state->exists) return LITERAL("exists");
    if (body->title.len > TITLE_MAX || body->unit.len > UNIT_MAX) return LITERAL("too_long");
    state->exists = true;
    state->owner = event->entity;
    state->title = body->title;
    state->unit = body->unit;
    state->has_goal = body->has_goal;
    state->goal = body->goal;
    state->closed = false;
    state->sum = 0;
    state->count = 0;
    state->last_ms = event->hlc >> 16;
    state->last_note = LITERAL("");
    state->givers_len = 0;
    return LITERAL("");
}

static Bytes add_to_tally(State *state, const Body *body, const Event *event) {
    if (state->closed) return LITERAL("closed");
    if (body->note.len > NOTE_MAX) return LITERAL("too_long");
    size_t at = 0;
    while (at < state->givers_len && !same(state->givers[at].entity, event->entity)) at++;
    if (at == GIVERS_MAX) return LITERAL("too_many");
    int64_t given = at < state->givers_len ? state->givers[at].sum : 0, sum;
    if (__builtin_add_overflow(given, body->amount, &given)) return LITERAL("overflow");
    if (__builtin_add_overflow(state->sum, body->amount, &sum)) return LITERAL("overflow");
    if (at == state->givers_len) state->givers_len++;
    state->givers[at] = (Giver){event->entity, given};
    state->sum = sum;
    state->count++;
    state->last_ms = event->hlc >> 16;
    state->last_note = body->note;
    return LITERAL("");
}

static Bytes close_tally(State *state, const Event *event) {
    if (!same(state->owner, event->entity)) return LITERAL("not_owner");
    if (state->closed) return LITERAL("closed");
    state->closed = true;
    return LITERAL("");
}

static Bytes apply(State *state, const Event *event) {
    Kind kind;
    Body body;
    Bytes code = read_kind(event->kind, &kind);
    if (code.len > 0) return code;
    if (!read_body(event->body, kind, &body)) return LITERAL("bad_event");
    if (kind == OPEN) return open_tally(state, &body, event);
    if (!state->exists) return LITERAL("unknown_tally");
    return kind == ADD ? add_to_tally(state, &body, event) : close_tally(state, event);
}

// ---- the calls

__attribute__((export_name("route"))) uint64_t route(uint32_t len) {
    In in = in_new((Bytes){input_start, len});
    take(&in, 32);
    Event event = get_event(get_bytes(&in));
    Kind kind;
    Body body;
    Bytes code = read_kind(event.kind, &kind);
    if (code.len == 0 && !read_body(event.body, kind, &body)) code = LITERAL("bad_event");
    Out out = out_new(128);
    put(&out, code.len > 0);
    if (code.len > 0) {
        put_bytes(&out, code);
    } else {
        put_varint(&out, 1);
        put_varint(&out, 64);
        put_hex(&out, kind == OPEN ? event.id : body.tally);
    }
    return answer(&out);
}

__attribute__((export_name("fold"))) uint64_t fold(uint32_t len) {
    In in = in_new((Bytes){input_start, len});
    take(&in, 32);
    get_bytes(&in); // the key: a tally's own id, which the events name as well
    State *state = (State *)allocate(sizeof *state);
    state->exists = false;
    Bytes before = {0, 0};
    bool had = get(&in);
    if (had) read_state(before = get_bytes(&in), state);
    uint64_t events = get_varint(&in);
    // a rejection takes less room than the event that it is of
    Out rejections = out_new(len);
    uint64_t rejected = 0;
    for (uint64_t i = 0; i < events; i++) {
        Event event = get_event(get_bytes(&in));
        Bytes code = apply(state, &event);
        if (code.len == 0) continue;
        rejected++;
        put_varint(&rejections, i);
        put_bytes(&rejections, code);
    }
    // a state is at most what it was, what the events hold, and one giver for each
    Out bytes = out_new(len + 128), out = out_new(2 * (size_t)len + 256);
    put(&out, state->exists);
    if (state->exists) {
        put_state(&bytes, state);
        put_bytes(&out, done(&bytes));
    }
    put_varint(&out, rejected);
    put_raw(&out, done(&rejections));
    return answer(&out);
}

static void put_row(Out *out, unsigned table, Bytes sub, const Out *columns) {
    put_varint(out, table);
    put_varint(out, sub.len * 2);
    put_hex(out, sub);
    put_bytes(out, done(columns));
}

__attribute__((export_name("project"))) uint64_t project(uint32_t len) {
    In in = in_new((Bytes){input_start, len});
    take(&in, 32);
    get_bytes(&in);
    State *state = (State *)allocate(sizeof *state);
    read_state(get_bytes(&in), state);
    Out columns = out_new(len + 256), out = out_new(2 * (size_t)len + 512 + state->givers_len * 160);
    put_varint(&out, 1 + state->givers_len);
    put_head(&columns, MAP, 9);
    put_word(&columns, "sum"), put_int(&columns, state->sum);
    put_word(&columns, "goal");
    if (state->has_goal) put_int(&columns, state->goal);
    else put_simple(&columns, SIMPLE_NULL);
    put_word(&columns, "last"), put_int(&columns, (int64_t)state->last_ms);
    put_word(&columns, "note"), put_text(&columns, state->last_note);
    put_word(&columns, "unit"), put_text(&columns, state->unit);
    put_word(&columns, "count"), put_int(&columns, (int64_t)state->count);
    put_word(&columns, "owner"), put_blob(&columns, state->owner);
    put_word(&columns, "title"), put_text(&columns, state->title);
    put_word(&columns, "closed");
    put_simple(&columns, state->closed ? SIMPLE_TRUE : SIMPLE_FALSE);
    put_row(&out, 0, LITERAL(""), &columns);
    for (size_t i = 0; i < state->givers_len; i++) {
        columns.len = 0;
        put_head(&columns, MAP, 2);
        put_word(&columns, "sum"), put_int(&columns, state->givers[i].sum);
        put_word(&columns, "entity"), put_blob(&columns, state->givers[i].entity);
        put_row(&out, 1, state->givers[i].entity, &columns);
    }
    return answer(&out);
}
