/* What is in a plain document, for `bindd inspect handles --tree`: the names of its outermost lists and of the lists in them,
 * with how many there are of each. Documents never change, so it is said once. The snapshot is hostile: where it is broken
 * nothing is told; whoever reads it finds out and says so. Names are a user's: there are few of them for each document, and
 * they are cut.
 */
#include "bd_ledger.h"
#include "bd_sexp.h"

#include <string.h>

#define BD_NAME_BYTES_MAX 32u

typedef struct bd_name_row {
    uint32_t parent, count;
    const char *name; /* NULL: of what found no row */
    size_t bytes;
} bd_name_row;

typedef struct bd_names {
    bd_name_row rows[BD_NAMES_MAX];
    uint32_t count, last; /* rows are numbered from 1 on; the one that was found last is looked at first */
} bd_names;

static bool bd_name_is(const bd_name_row *row, uint32_t parent, const char *name, size_t bytes) {
    return row->parent == parent && row->bytes == bytes && row->name && memcmp(row->name, name, bytes) == 0;
}

/* Number of the row, counted once more. */
static uint32_t bd_names_add(bd_names *names, uint32_t parent, const char *name, size_t bytes) {
    uint32_t row = names->last && bd_name_is(&names->rows[names->last - 1], parent, name, bytes) ? names->last : 0;
    for (uint32_t i = 0; i < names->count && !row; i++)
        if (bd_name_is(&names->rows[i], parent, name, bytes)) row = i + 1;
    if (!row) {
        bool is_last = names->count + 1 >= BD_NAMES_MAX;
        if (names->count < BD_NAMES_MAX)
            names->rows[names->count++] = (bd_name_row){parent, 0, is_last ? NULL : name, is_last ? 0 : bytes};
        row = names->count;
    }
    names->rows[row - 1].count++;
    return names->last = row;
}

/* The list, under that parent; its row, or 0 where the node is no list. */
static uint32_t bd_names_take(bd_names *names, bd_document *document, uint32_t index, uint32_t parent, bd_sexp_node *node) {
    bd_sexp_node first;
    if (bd_snapshot_node(document, index, node) < 0 || bd_sexp_kind(node) != BD_SEXP_LIST) return 0;
    bool has_first = index + 1 < node->end;
    if (has_first && bd_snapshot_node(document, index + 1, &first) < 0) return 0;
    if (!has_first || bd_sexp_kind(&first) != BD_SEXP_WORD) return bd_names_add(names, parent, "", 0);
    uint32_t bytes = first.text_length < BD_NAME_BYTES_MAX ? first.text_length : BD_NAME_BYTES_MAX;
    return bd_names_add(names, parent, document->text + first.text_start, bytes);
}

static void bd_names_collect(bd_names *names, bd_document *document) {
    bd_sexp_node outer, inner;
    for (uint32_t i = 0; i < document->node_count && !PyErr_Occurred(); i = outer.end) {
        uint32_t row = bd_names_take(names, document, i, 0, &outer);
        for (uint32_t k = i + 1; row && k < outer.end && !PyErr_Occurred(); k = inner.end)
            bd_names_take(names, document, k, row, &inner);
    }
}

void bd_document_show(bd_document *document) {
    bd_ledger *ledger = document->workspace->ledger;
    bd_names names = {.count = 0};
    if (!ledger) return;
    bd_names_collect(&names, document);
    bd_contents *contents = PyErr_Occurred() || !names.count ? NULL : bd_ledger_take_contents(ledger, names.count * 3);
    PyErr_Clear();
    if (!contents) return;
    uint32_t *entries = bd_contents_entries(contents);
    for (uint32_t i = 0; i < names.count; i++) {
        const bd_name_row *row = &names.rows[i];
        entries[i * 3] = row->parent;
        entries[i * 3 + 1] = row->name ? bd_ledger_name(ledger, row->name, row->bytes) : BD_NAME_OTHERS;
        entries[i * 3 + 2] = row->count;
    }
    contents->count = names.count * 3;
    document->contents = contents;
    bd_store_release_u64(&contents->id, bd_debug_id(BD_KIND_NAMES, document->workspace->generation, document->index));
}

void bd_document_hide(bd_document *document) {
    if (document->contents) bd_contents_give_back(bd_ledger_contents(document->workspace->ledger), document->contents);
    document->contents = NULL;
}
