/* A parsed document on the client's side: the flat snapshot that the worker sent, read in place, every access checked
 * against the block. Shared by the handles of its lists and atoms. The snapshot's format is in bd_layout.h.
 */
#ifndef BD_SEXP_H
#define BD_SEXP_H

#include "bd_state.h"

typedef struct bd_document {
    uint64_t references;
    bd_workspace *workspace; /* owned */
    uint32_t index;
    unsigned char *block;    /* the reply that brought the snapshot, NULL once freed */
    const unsigned char *nodes; /* node_count structures, not aligned: copied out one by one */
    const char *text;
    uint64_t node_count, text_bytes;
    bool is_pinned;          /* the worker keeps the document for us */
    char *label;
    bd_ledger_record *listed; /* of one of its Python objects, to count uses; NULL: there is none */
    bd_contents *contents;   /* what its lists are called, in the ledger's file; NULL: not told */
} bd_document;

typedef struct bd_document_object {
    PyObject_HEAD
    bd_document *document;
    uint32_t record; /* of the ledger, 0: none */
} bd_document_object;

typedef struct bd_sexp_object { /* List and Atom */
    PyObject_HEAD
    bd_document *document;
    uint32_t node;
    uint32_t cached_index, cached_node; /* of the child that was asked for last: walking by index stays linear */
    uint32_t record; /* of the ledger, 0: none */
} bd_sexp_object;

/* Borrowed; NULL (no exception) when the object is no Document. */
bd_document *bd_document_of(bd_state *state, PyObject *object);
int bd_document_check(bd_document *document);      /* it can be used in a request */
int bd_document_check_text(bd_document *document); /* its snapshot can be read */
void bd_document_retain(bd_document *document);
void bd_document_release(bd_document *document);
void bd_document_free(bd_document *document);

/* 0, or -1 with SnapshotError: `node` copied out and checked. */
int bd_snapshot_node(bd_document *document, uint64_t index, bd_sexp_node *node);
static inline uint32_t bd_sexp_kind(const bd_sexp_node *node) { return node->kind_and_count & 7u; }
static inline uint32_t bd_sexp_count(const bd_sexp_node *node) { return node->kind_and_count >> 3; }
int bd_snapshot_fail(const char *what);
/* The head of a list: the text of its first child when that is a word; false without an exception when it has none. */
bool bd_snapshot_head(bd_document *document, uint32_t list, const char **text, size_t *bytes);
PyObject *bd_snapshot_text(bd_document *document, const bd_sexp_node *node, bool unescaped);

/* -- bd_sexp_contents.c: for `bindd inspect handles --tree`; nothing here fails -- */
/* Cost: a look at each list of the two outermost levels. */
void bd_document_show(bd_document *document);
void bd_document_hide(bd_document *document);

PyObject *bd_document_object_new(bd_document *document);
PyObject *bd_sexp_object_new(bd_document *document, uint32_t node);
int bd_sexp_types_add(PyObject *module, bd_state *state);

#endif
