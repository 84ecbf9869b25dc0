// What the app says of itself (`spec/10-reducer.md` 10.6): a CBOR map, written out key
// by key in the order of the encoding.
#ifndef MANIFEST_H
#define MANIFEST_H

#include "reducer.h"

#define T(text) put_word(out, text)
#define MAP_OF(pairs) put_head(out, MAP, pairs)
#define LIST_OF(items) put_head(out, ARRAY, items)

__attribute__((noinline)) static void put_field(Out *out, const char *name, const char *type, const char *title,
                                               bool required, const char *make) {
    MAP_OF(3 + required + (make != 0));
    if (make) T("make"), T(make);
    T("name"), T(name), T("type"), T(type), T("title"), T(title);
    if (required) T("required"), put_simple(out, SIMPLE_TRUE);
}

__attribute__((noinline)) static void put_column(Out *out, const char *name, const char *type) {
    MAP_OF(2), T("name"), T(name), T("type"), T(type);
}

static void put_events(Out *out) {
    LIST_OF(3);
    MAP_OF(4), T("kind"), T("tally.open"), T("title"), T("Open a tally");
    T("fields"), LIST_OF(3);
    put_field(out, "title", "text", "What is counted", true, 0);
    put_field(out, "unit", "text", "What one of it is", true, "default:\"piece\"");
    put_field(out, "goal", "int", "How many are wanted", false, 0);
    T("command"), T("tally open");

    MAP_OF(5), T("kind"), T("tally.add"), T("refs"), LIST_OF(1), T("tally"), T("title"), T("Add to a tally");
    T("fields"), LIST_OF(3);
    put_field(out, "tally", "entry", "Which tally", true, 0);
    put_field(out, "amount", "int", "How many; below zero takes back", true, 0);
    put_field(out, "note", "text", "What for", false, 0);
    T("command"), T("tally add");

    MAP_OF(5), T("kind"), T("tally.close"), T("refs"), LIST_OF(1), T("tally"), T("title"), T("Close a tally");
    T("fields"), LIST_OF(1);
    put_field(out, "tally", "entry", "Which tally", true, 0);
    T("command"), T("tally close");
}

static void put_tables(Out *out) {
    LIST_OF(2);
    MAP_OF(4), T("name"), T("tallies"), T("title"), T("Tallies");
    T("columns"), LIST_OF(9);
    put_column(out, "title", "text");
    put_column(out, "unit", "text");
    put_column(out, "sum", "int");
    put_column(out, "goal", "int");
    put_column(out, "count", "int");
    put_column(out, "closed", "bool");
    put_column(out, "owner", "entity");
    put_column(out, "last", "instant");
    put_column(out, "note", "text");
    T("indexes"), LIST_OF(1), MAP_OF(2), T("name"), T("by_owner");
    T("columns"), LIST_OF(2), T("owner"), T("last");

    MAP_OF(4), T("name"), T("givers"), T("title"), T("Who added how much");
    T("columns"), LIST_OF(2);
    put_column(out, "entity", "entity");
    put_column(out, "sum", "int");
    T("indexes"), LIST_OF(1), MAP_OF(2), T("name"), T("by_entity"), T("columns"), LIST_OF(1), T("entity");
}

__attribute__((export_name("describe"))) uint64_t describe(void) {
    heap_top = 0;
    Out written = out_new(4096), *out = &written;
    MAP_OF(10);
    T("abi"), put_int(out, 1);
    T("app"), T("tally");
    T("mode"), T("ordered");
    T("open"), T("guest");
    T("major"), put_int(out, 1);
    T("roles"), MAP_OF(2);
    T("guest"), LIST_OF(1), T("tally.add");
    T("member"), LIST_OF(1), T("tally.*");
    T("title"), T("Count something together");
    T("events"), put_events(out);
    T("tables"), put_tables(out);
    T("version"), T("1.0.0");
    return answer(out);
}

#endif
