/* The memory that processes share, declared once for Swift and C.
 *
 * Everything here is written by one process and read by others that must treat it as hostile: read a word once, check
 * it against the map's bounds, cap each loop. All fields are little-endian and naturally aligned; a layout change
 * raises BD_LAYOUT_VERSION, which the hello compares.
 *
 * Offsets into the arena are counted in granules of 16 bytes, so that 32 bits reach 64 GiB. Granule 0 is the header and
 * means "none".
 */
#ifndef BD_LAYOUT_H
#define BD_LAYOUT_H

#include <stdint.h>

#define BD_LAYOUT_VERSION 5u
#define BD_KIND_COUNT 32u

/* Kinds of handle: the top byte of a debug id. A debug id is kind << 56 | generation << 32 | index. */
#define BD_KIND_NODE 1u
#define BD_KIND_EDGE 2u
#define BD_KIND_VIEW 3u
#define BD_KIND_BOUND_NODE 4u
#define BD_KIND_BOUND_EDGE 5u
#define BD_KIND_PATH 6u
#define BD_KIND_DOCUMENT 7u
#define BD_KIND_SEXP_LIST 8u
#define BD_KIND_SEXP_ATOM 9u
#define BD_KIND_WORKSPACE 10u
#define BD_KIND_TYPE_GRAPH 11u
#define BD_KIND_STRUCT 12u    /* a struct of a KiCad model that is a document of its own: a copy */
#define BD_KIND_FILE 13u      /* a KiCad file; one kind for each format, in the order of their declaration */
#define BD_KIND_FILE_END 21u  /* no kind of file: behind the last format */
/* No kinds of handle: what else __zig_address__() tells apart, with the number of the document in the middle. */
#define BD_KIND_NAMES 0x7Cu       /* of no handle, as the next: see bd_contents */
#define BD_KIND_ORDER 0x7Du
#define BD_KIND_PLACE 0x7Eu       /* a struct inside of a document: index is its record */
#define BD_KIND_CONSTRUCTED 0x7Fu /* a struct that no worker knows */

/* -- client page: one per connection; the client writes, worker and supervisor read -------------------------------- */
#define BD_CLIENT_PAGE_MAGIC 0x434E424444424E43ull
#define BD_CLIENT_PAGE_BYTES 4096u

typedef struct bd_client_page {
    uint64_t magic;
    uint32_t layout_version;
    uint32_t pid;
    uint64_t cancel_request;   /* requests up to this number are given up: algorithms stop, replies are dropped */
    uint64_t sent_requests;
    uint64_t received_replies;    /* read from the socket, that to the hello included */
    uint64_t started_ns;       /* CLOCK_MONOTONIC at connect */
    uint64_t live[BD_KIND_COUNT];    /* living Python proxies, by kind */
    uint64_t created[BD_KIND_COUNT]; /* proxies ever made, by kind */
} bd_client_page;

/* -- ledger: which handles a client has and where they were made; one file per connection; the client writes, `bindd
 * inspect` reads, whatever state everybody else is in. Absent with BINDD_SITES=off -------------------------------------- */
/* A sparse, sealed memory file: header, texts, frames, sites, places, records, contents, each at its offset. Texts, frames,
 * sites and places are interned: filled first, then counted with release order, and never changed. A record is taken by
 * storing its id last with release order, and freed by storing id 0: a reader copies it and looks whether the id is still
 * the same. */
#define BD_LEDGER_MAGIC 0x4C444C4244444E42ull
#define BD_LEDGER_TEXTS_OFFSET 4096u
#define BD_LEDGER_FRAMES_OFFSET (4u << 20)
#define BD_LEDGER_SITES_OFFSET (6u << 20)
#define BD_LEDGER_PLACES_OFFSET (7u << 20)
#define BD_LEDGER_RECORDS_OFFSET (8u << 20)
#define BD_LEDGER_FRAMES_MAX 65536u
#define BD_LEDGER_SITES_MAX 65536u
#define BD_LEDGER_RECORDS_MAX (1u << 24)
#define BD_LEDGER_PLACES_MAX 65536u
#define BD_LEDGER_CONTENTS_OFFSET (2ull << 30) /* behind the last record */
#define BD_LEDGER_CONTENTS_BYTES (256u << 20)
#define BD_LEDGER_BYTES 2415919104ull /* up to the end of the contents */
#define BD_LEDGER_FRAMES_PER_SITE 3u

typedef struct bd_ledger_header {
    uint64_t magic;
    uint32_t layout_version;
    uint32_t pid;
    uint32_t generation;          /* of the client's workspace, as in its debug ids */
    uint32_t interval;            /* one of so many handles of the frequent kinds is recorded; 1: every one */
    uint32_t texts_bytes;         /* used so far, of each table; number 0 means "none" and is never used */
    uint32_t frames;
    uint32_t sites;
    uint32_t records;             /* records that were ever used: none lies beyond */
    uint64_t living;              /* records in use */
    uint64_t dropped;             /* handles that were to be recorded and found no room */
    uint32_t places;              /* used so far; number 0 means "none" */
    uint32_t contents_bytes;      /* of the contents, up to the end of the last one that was ever there */
} bd_ledger_header;

typedef struct bd_ledger_frame {  /* a line of Python code that was running */
    uint32_t file;                /* texts: at texts + 4 * number stand u32 bytes and the UTF-8 bytes */
    uint32_t function;
    uint32_t line;
    uint32_t reserved;
} bd_ledger_frame;

typedef struct bd_ledger_site {   /* who made a handle: the innermost frame, its caller, and the caller's caller */
    uint32_t frames[BD_LEDGER_FRAMES_PER_SITE];
    uint32_t reserved;
} bd_ledger_site;

typedef struct bd_ledger_record {  /* 64 bytes */
    uint64_t id;                  /* debug id; 0: the record is free */
    uint64_t created_ns;          /* CLOCK_MONOTONIC, as coarse as the system's */
    uint32_t site;
    uint32_t label;               /* text; with BD_LABEL_IS_TEXT: made of a text of so many bytes that has no name */
    uint32_t place;               /* what the handle belongs to: id of the view or document; of a document: its size in
                                   * the worker, in granules of 16 bytes */
    uint32_t weight;              /* handles that this one stands for */
    uint64_t used_ns;             /* CLOCK_MONOTONIC of the newest use whose time was taken; 0: never used */
    uint32_t used_by;             /* what that was: BD_USED_… in the top byte; 0: not known */
    uint32_t uses;                /* of a view, a typegraph or a document; stays at the highest number */
    uint64_t request;             /* that the handle came of; 0: none, it was read from shared memory or made in a batch */
    uint32_t operation;           /* of that request */
    uint32_t waited_us;           /* for its answer; 0: nobody waited; stays at the highest number */
} bd_ledger_record;

#define BD_LABEL_IS_TEXT 0x80000000u
#define BD_LABEL_TEXT_BYTES_MAX 0x7FFFFFFFu

typedef struct bd_contents_place {  /* where a struct of a KiCad model stands: its field in a struct that stands there */
    uint16_t parent;              /* place; 0: it is a document of its own */
    uint16_t field;               /* number among those of all structs; BD_PLACE_NO_FIELD where it has no parent */
    uint16_t type;                /* number of the struct */
    uint16_t reserved;
} bd_contents_place;

#define BD_PLACE_NO_FIELD 0xFFFFu

/* What is in one KiCad document: an entry for each of its records, so that `bindd inspect` can count them. Contents stand
 * one behind the other, each as long as it says. Its id is stored last with release order, 0 first when it is given back. */
typedef struct bd_contents {      /* 32 bytes, followed by uint32_t entries[count] */
    uint64_t id;                  /* debug id of the document's handle; 0: free */
    uint64_t hash;                /* of the text that it was read from */
    uint32_t bytes;               /* with this head and room for more entries: a power of two, from BD_CONTENTS_BYTES_MIN on */
    uint32_t count;               /* entries, the one of record 0 too */
    uint32_t flags;               /* BD_CONTENTS_… */
    uint32_t label;               /* as in its record, where that is made of the text's size; else 0 */
} bd_contents;

#define BD_CONTENTS_BYTES_MIN 128u
#define BD_CONTENTS_EDITED 1u     /* its records no longer stand in the order of their numbers */
/* Of an edited document there are contents with the kind BD_KIND_ORDER in their id as well, where there is room: two numbers
 * for each record, the record that holds it and its index in the list there.
 * Of a plain document (BD_KIND_DOCUMENT) there are only contents of the kind BD_KIND_NAMES: three numbers for each name that
 * lists have, of the outermost lists and of those in them: the row of the name that these lists stand in (0: outermost; rows
 * count from 1), the name as a text (0: none, BD_NAME_OTHERS: all others), and how many lists. */
#define BD_NAME_OTHERS 0xFFFFFFFFu
#define BD_NAMES_MAX 64u          /* rows of one document */
/* An entry: place in the low half, 0: in no list or field any more; how many Python objects look at the record in the high
 * half, modulo 65,536. */
#define BD_ENTRY_PLACE_MASK 0xFFFFu
#define BD_ENTRY_OBJECT 0x10000u

#define BD_USED_METHOD 1u         /* number of a method in the description, local ones too: classes, then functions */
#define BD_USED_FIELD 2u          /* number of a field among those of all structs of the KiCad models */
#define BD_USED_SHIFT 24u

/* -- worker page: one per worker; made by the supervisor, the worker writes, the supervisor reads ------------------ */
#define BD_WORKER_PAGE_MAGIC 0x57524B5244444E42ull
#define BD_WORKER_PAGE_BYTES 294912u  /* the page itself, then what follows */
#define BD_WORKER_CRASH_OFFSET 4096u  /* bd_crash_slot */
#define BD_WORKER_RING_OFFSET 16384u  /* bd_request_note[BD_REQUEST_NOTES] */
#define BD_TRACE_OFFSET 32768u        /* bd_trace_event[BD_TRACE_EVENTS] */
#define BD_TRACE_EVENTS 1024u
#define BD_CLIENT_SLOTS_MAX 64u

/* One traced request, written while somebody traces. Event e (from 1 on) stands at place e % BD_TRACE_EVENTS of the ring;
 * its number is stored last, with release order, and 0 while it is being filled. */
#define BD_TRACE_REPLY 1u
#define BD_TRACE_ERROR 2u
#define BD_TRACE_REQUEST_SHOWN 128u   /* bytes of a payload: most requests are whole in it */
#define BD_TRACE_REPLY_SHOWN 64u

typedef struct bd_trace_event {   /* 256 bytes */
    uint64_t number;
    uint64_t request;
    uint64_t client_id;
    uint64_t started_ns;          /* CLOCK_MONOTONIC */
    uint32_t elapsed_ns;          /* at most 4 s fit; longer ones show as that */
    uint32_t operation;
    uint32_t request_bytes;
    uint32_t reply_bytes;
    uint32_t flags;               /* BD_TRACE_… */
    uint32_t reserved[3];
    unsigned char request_start[BD_TRACE_REQUEST_SHOWN]; /* of the payload, zeros behind its end */
    unsigned char reply_start[BD_TRACE_REPLY_SHOWN];     /* of the result; of an error: its message, UTF-8 */
} bd_trace_event;

typedef struct bd_worker_slot {   /* one client of the workspace */
    uint64_t client_id;           /* 0: slot is free */
    uint64_t applied_requests;
    uint64_t last_request_ns;     /* CLOCK_MONOTONIC */
    uint64_t connected_ns;
    uint64_t replies;             /* sent to it, that to the hello included */
} bd_worker_slot;

typedef struct bd_worker_page {
    uint64_t magic;
    uint32_t layout_version;
    uint32_t pid;
    uint64_t heartbeat_ns;        /* CLOCK_MONOTONIC of the last turn of the loop */
    uint64_t current_request;     /* being applied now; valid while current_operation is not 0 */
    uint32_t current_operation;   /* 0: idle */
    uint32_t current_slot;
    uint64_t current_started_ns;
    uint64_t current_object;      /* debug id of the object that the request names first, 0 when it names none */
    uint64_t applied_requests;    /* of all clients */
    uint64_t memory_bytes;        /* held for state: arena, documents, buffers */
    uint64_t attribute_bytes;     /* of them, for attributes of nodes and edges */
    uint64_t traced;              /* events written so far; see bd_trace_event */
    uint64_t base_bytes;          /* resident memory of the process before it had any state */
    uint64_t arena_fd;            /* the worker's read-only descriptor of the arena, for `bindd inspect` to open */
    uint64_t objects[BD_KIND_COUNT]; /* objects that the worker holds, by kind */
    uint64_t bytes[BD_KIND_COUNT];   /* bytes that they take, by kind */
    bd_worker_slot slots[BD_CLIENT_SLOTS_MAX];
    uint64_t noted_requests;      /* ever written into the ring of notes; the newest is the one before */
} bd_worker_page;

/* The newest requests that the worker began, so that a report can tell what came before a death. */
#define BD_REQUEST_NOTES 256u
#define BD_REQUEST_NOTE_BYTES 40u

typedef struct bd_request_note {  /* 64 bytes */
    uint64_t request;             /* the client's number */
    uint32_t operation_and_slot;  /* operation in the low 16 bits */
    uint32_t reserved;
    uint64_t bytes;               /* of the payload */
    unsigned char start[BD_REQUEST_NOTE_BYTES]; /* of the payload, zeros behind its end */
} bd_request_note;

/* What the handler of fatal signals leaves behind. Addresses are those of the dead process; modules tell what they mean. */
#define BD_CRASH_NONE 0u
#define BD_CRASH_FILLING 1u
#define BD_CRASH_TOLD 2u              /* everything but the request is there */
#define BD_CRASH_COMPLETE 3u          /* the request is behind the page, as far as BD_CRASH_REQUEST_BYTES_MAX reaches */
#define BD_CRASH_ADDRESSES 64u
#define BD_CRASH_INNER 48u            /* the innermost frames; the rest are the outermost ones */
#define BD_CRASH_MODULES 8u
#define BD_CRASH_PATH_BYTES 104u
#define BD_CRASH_REQUEST_BYTES_MAX (64u << 20)

typedef struct bd_crash_module {      /* executable part of a loaded file */
    uint64_t start, end;
    uint64_t base;                    /* where address 0 of the file is */
    char path[BD_CRASH_PATH_BYTES];   /* empty: the program itself */
} bd_crash_module;

typedef struct bd_crash_slot {
    uint32_t state;                   /* BD_CRASH_… */
    int32_t signal;
    int32_t code;                     /* si_code: who sent it */
    int32_t sender;                   /* pid, where a process sent it; 0: the worker's own doing */
    uint32_t thread;
    uint32_t address_count;
    uint64_t address;                 /* si_addr: what was touched */
    uint64_t pc;
    uint64_t ended_ns;                /* CLOCK_MONOTONIC */
    uint64_t resident_bytes;
    uint64_t frame_count;             /* all frames that were there */
    uint64_t request_bytes;           /* of the request that was being applied; 0: it was idle */
    uint64_t addresses[BD_CRASH_ADDRESSES]; /* innermost first: pc, then return addresses */
    uint32_t module_count;
    uint32_t reserved;
    bd_crash_module modules[BD_CRASH_MODULES];
} bd_crash_slot;

/* Payload of the notice that a dying worker sends. Begins as each notice does: a code (0, it refuses nothing) and a text
 * (none). Where the worker was idle, operation and request are 0. */
#define BD_CRASH_OPERATION 9u         /* Operation.crash */
#define BD_CRASH_FLAGS 16u            /* FrameFlags.notice */

typedef struct bd_crash_notice {      /* 64 bytes */
    uint32_t code;
    uint32_t text_bytes;
    int32_t signal;
    uint32_t operation;
    uint64_t request;
    uint32_t slot;
    uint32_t elapsed_ms;
    uint64_t address;
    uint64_t pc;                      /* within the file of the program; 0 when it was elsewhere */
    uint64_t frame_count;
    int32_t signal_code;              /* si_code: above 0 where the worker brought it about itself */
    uint32_t reserved;
} bd_crash_notice;
/* -- journal: two files per workspace, one of them active; the worker writes -------------------------------------- */
/* A head of one page, then records. The head's fields up to `checksum` are written once; the cursor behind them is mapped
 * by the worker and outlives it. docs/JOURNAL_FORMAT.md has the whole picture. */
#define BD_JOURNAL_MAGIC 0x314E524A44444E42ull
#define BD_JOURNAL_VERSION 1u
#define BD_JOURNAL_HEAD_BYTES 4096u
#define BD_JOURNAL_RECORD_MAGIC 0x4452434Au

typedef struct bd_journal_head {
    uint64_t magic;
    uint32_t version;
    uint32_t layout_version;
    uint64_t description_hash;
    uint64_t epoch;               /* of two valid files the higher one is active */
    uint64_t first_sequence;      /* of the first record */
    uint64_t checksum;            /* over what is above */
    uint64_t reserved[2];
    uint64_t applied;             /* the cursor: every request up to this one is applied, or told to have failed */
    uint64_t current;             /* being applied; 0: none */
    uint64_t is_replaying;        /* `current` is being applied again after a death */
} bd_journal_head;

#define BD_JOURNAL_IMAGE 1u       /* the whole state; only as the first record */
#define BD_JOURNAL_OPEN 2u        /* a session begins; payload: its hello */
#define BD_JOURNAL_CLOSE 3u       /* a session ends */
#define BD_JOURNAL_FRAMES 4u      /* frames of the wire as they were received */
#define BD_JOURNAL_VOID 5u        /* u64 first, u64 last: these requests failed or were left out; never replayed */
#define BD_JOURNAL_ATTEMPT 6u     /* u64 sequence: a worker died while it replayed this request */

typedef struct bd_journal_record { /* followed by the payload and zeros up to a multiple of eight */
    uint32_t magic;
    uint32_t kind;
    uint64_t payload_bytes;
    uint64_t session;             /* whose it is; 0: nobody's */
    uint64_t first_sequence;      /* of the first state-changing request that ends in it */
    uint64_t first_request;       /* the session's number of the first message that ends in it */
    uint64_t checksum;            /* over this head with zero here, then the payload */
} bd_journal_record;

/* -- sexp snapshot: one flat block per parsed document, owned by its handles --------------------------------------- */
#define BD_SNAPSHOT_MAGIC 0x504E535058455342ull

/* Node kinds. Words, numbers and strings are atoms; text of a string is its source between the quotes, escapes kept. */
#define BD_SEXP_LIST 0u
#define BD_SEXP_WORD 1u
#define BD_SEXP_NUMBER 2u
#define BD_SEXP_STRING 3u
#define BD_SEXP_COMMENT 4u

typedef struct bd_sexp_node {     /* 16 bytes, in source (pre-)order: a node's first child, if any, is the next node */
    uint32_t end;                 /* index after the last descendant: the next sibling, or the parent's end */
    uint32_t kind_and_count;      /* kind in the low 3 bits; number of children of a list above them */
    uint32_t text_start;          /* bytes into the text; of a list: its opening parenthesis */
    uint32_t text_length;         /* bytes; of a list: up to and with its closing parenthesis */
} bd_sexp_node;

typedef struct bd_snapshot_header { /* followed by nodes, then text */
    uint64_t magic;
    uint64_t node_count;
    uint64_t text_bytes;
    uint64_t nodes_offset;        /* bytes from the header's start, multiple of 8 */
    uint64_t text_offset;
} bd_snapshot_header;

/* -- results that say of each value what it is: u32 tag, then ---------------------------------------------------------- */
#define BD_RESULT_NONE 0u
#define BD_RESULT_INT 1u          /* i64 */
#define BD_RESULT_FLOAT 2u        /* f64 */
#define BD_RESULT_BOOL 3u         /* u32 */
#define BD_RESULT_STR 4u          /* str */
#define BD_RESULT_LIST 5u         /* u32 count, values */
#define BD_RESULT_TUPLE 6u        /* the same */
#define BD_RESULT_BOUND_NODE 7u   /* u32 view, u32 node: a member */
#define BD_RESULT_BOUND_EDGE 8u   /* u32 view, edge info */
#define BD_RESULT_PATH 9u         /* u32 view, u32 start, u32 end, list of edge info */
#define BD_RESULT_DICT 10u        /* u32 count, (key, value)* */
#define BD_RESULT_NODE 11u        /* u32 */
#define BD_RESULT_EDGE 12u        /* edge info */
#define BD_RESULT_TYPE_GRAPH 13u  /* u32 view, u32 self node */
#define BD_RESULT_LOOSE_BOUND_NODE 14u/* u32 view, u32 node that need not be a member */
#define BD_RESULT_CONNECTED 15u   /* see `answer(_:)` in Call+Values.swift */
#define BD_RESULT_DEPTH_MAX 8     /* values inside values */

/* -- typed snapshot: the records of one KiCad document ------------------------------------------------------------- */
/* Field f of record r is slot records[r].first_slot + f; which fields a type has is in the description ("kicad"). Record 0
 * is none, record 1 the root. Offsets are from the header's start, each a multiple of 8. */
#define BD_TYPED_MAGIC 0x0000445059544442ull
#define BD_TYPE_NONE 0xFFFFu

/* What a slot holds. */
#define BD_TAG_NONE 0u
#define BD_TAG_INT 1u             /* int64 */
#define BD_TAG_FLOAT 2u           /* double */
#define BD_TAG_BOOL 3u            /* 0 or 1 */
#define BD_TAG_STRING 4u          /* low half: bytes into the strings, high half: length in bytes */
#define BD_TAG_ENUM 5u            /* number of the member */
#define BD_TAG_RECORD 6u          /* number of the record */
#define BD_TAG_LIST 7u            /* low half: first slot, high half: count */
#define BD_VALUE_COPY 8u          /* in requests only */

#define BD_RECORD_UNKNOWN 1u      /* the text has parts in it that no field reads */
#define BD_RECORD_DEFAULT 2u      /* not in the text */
#define BD_RECORD_HEADLESS 4u     /* an element of a list, without a head word */
#define BD_RECORD_BARE 8u         /* nothing in the text stands for it: the library around a file of one symbol */

typedef struct bd_typed_header {
    uint64_t magic;
    uint32_t record_count;
    uint32_t slot_count;
    uint64_t string_bytes;
    uint64_t records_offset;      /* bd_typed_record[record_count] */
    uint64_t slots_offset;        /* uint64_t[slot_count] */
    uint64_t tags_offset;         /* uint8_t[slot_count] */
    uint64_t strings_offset;      /* UTF-8, but for what escapes of the text made */
    uint64_t reserved;
} bd_typed_header;

typedef struct bd_typed_record {
    uint32_t first_slot;
    uint16_t type;
    uint16_t flags;
} bd_typed_record;

/* -- arena: the graph, one file per worker; the worker writes, clients read ---------------------------------------- */
/* Append-only where a reader can be: a record is filled, then the counter or reference that leads to it is stored with
 * release order. A block that is replaced (a grown list or table) may be reused for something else, so a reader copies
 * what it wants and then looks whether the reference that led to it is still the same. */
#define BD_ARENA_MAGIC 0x414E455242444E42ull
#define BD_GRANULE_BYTES 16u
#define BD_ARENA_DIRECTORY_ENTRIES (1u << 20)
#define BD_NODES_PER_PAGE 4096u
#define BD_EDGES_PER_PAGE 4096u
#define BD_VIEWS_PER_PAGE 256u

typedef struct bd_column {        /* records by id, in pages; page p of a column is at pages[id / per_page] */
    uint64_t directory;           /* byte offset of BD_ARENA_DIRECTORY_ENTRIES u32 granules, 0 where no page is */
    uint32_t records_per_page;
    uint32_t record_bytes;
} bd_column;

typedef struct bd_arena_header {
    uint64_t magic;
    uint32_t layout_version;
    uint32_t header_bytes;
    uint64_t capacity_bytes;
    uint64_t used_bytes;          /* everything reachable lies below; only grows */
    bd_column nodes, edges, edge_references, views;
    uint64_t retargets;           /* edges whose target was changed after their creation */
    uint64_t applied[BD_CLIENT_SLOTS_MAX]; /* requests applied, by client slot */
    uint64_t plans_dropped;       /* changes to types that were instantiated: how many objects an instance has may differ */
    uint64_t progress;            /* of the request being applied: steps done in the low half, steps in all in the high
                                   * half, 0: not known; meant for whoever waits for it, and only a guess */
    uint64_t progress_request;    /* number of that request, as its client counts */
    uint32_t progress_slot;       /* its client */
    uint32_t reserved;
    uint64_t batches;             /* odd while a batch is being applied or taken back: what is read meanwhile may be half of it */
} bd_arena_header;

#define BD_NODE_EXISTS 1u

typedef struct bd_node {
    uint32_t attributes;          /* granule of bd_attributes, 0: none */
    uint32_t references;          /* views + edge ends + client pins that hold it */
    uint32_t flags;
    uint32_t watched;             /* the worker's own: which of its caches depend on the node */
} bd_node;

/* Edge bits: type 0-7, directional 8, order 9-15, edge_specific 16-31. */
#define BD_EDGE_TYPE_MASK 0xFFu
#define BD_EDGE_DIRECTIONAL 0x100u

typedef struct bd_edge {
    uint32_t source;              /* node id; 0: the edge does not exist */
    uint32_t target;
    uint32_t attributes;
    uint32_t bits;
} bd_edge;

#define BD_VIEW_LIVE 1u
#define BD_VIEW_DESTROYED 2u

typedef struct bd_view_record {
    uint32_t state;
    uint32_t self_node;
    uint32_t member_count;        /* load before members */
    uint32_t members;             /* granule of bd_member[], in insertion order */
    uint32_t members_capacity;
    uint32_t member_table;        /* granule of bd_table: slot = member index + 1 */
    uint32_t edge_count;
    uint32_t edges;               /* granule of u32[], in insertion order */
    uint32_t edges_capacity;
    uint32_t edge_table;          /* granule of bd_table: slot = edge id */
    uint32_t bytes_low, bytes_high; /* memory that the view takes */
    uint32_t reserved[4];
} bd_view_record;

typedef struct bd_member {
    uint32_t node;
    uint32_t first_list;          /* granule of bd_edge_list, 0: no edges */
    uint32_t reserved[2];
} bd_member;

#define BD_EDGE_LIST_INLINE 3u

typedef struct bd_edge_list {     /* edges of one type at one node in one view, in insertion order */
    uint32_t next;                /* list of another type at the same node */
    uint32_t edge_type;
    uint32_t count;               /* load before block */
    uint32_t capacity;
    uint32_t block;               /* granule of u32[capacity]; 0: the edges are inline */
    uint32_t inline_edges[BD_EDGE_LIST_INLINE];
} bd_edge_list;

typedef struct bd_table {         /* open addressing over u32 slots, 0 is empty; a quarter is always empty */
    uint32_t mask;                /* slots - 1 */
    uint32_t used;
    uint32_t shift;               /* see bd_table_start */
    uint32_t reserved;
    /* u32 slots[mask + 1] follow */
} bd_table;

/* First slot to try for a key. Sixteen neighbouring ids share a cache line of slots; lines are spread by a multiply. */
static inline uint32_t bd_table_start(uint32_t key, uint32_t shift) {
    return (uint32_t)(((uint64_t)((key >> 4) * 0x9E3779B1u) >> shift) << 4) | (key & 15u);
}

#define BD_LITERAL_NONE 0u
#define BD_LITERAL_INT 1u
#define BD_LITERAL_FLOAT 2u
#define BD_LITERAL_BOOL 3u
#define BD_LITERAL_STRING 4u

typedef struct bd_attribute {
    uint32_t key;                 /* granule of bd_string */
    uint32_t kind;                /* BD_LITERAL_… */
    uint64_t value;               /* bits of the int or float, 0/1, or granule of bd_string */
} bd_attribute;

typedef struct bd_attributes {    /* followed by bd_attribute[capacity] */
    uint32_t count;
    uint32_t capacity;
    uint64_t reserved;
} bd_attributes;

typedef struct bd_string {        /* followed by the UTF-8 bytes */
    uint32_t byte_count;
    uint32_t references;
} bd_string;

static inline uint32_t bd_load_acquire_u32(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline void bd_store_release_u32(uint32_t *word, uint32_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
/* Nothing written later is seen before what was written earlier, nor the other way round. */
static inline void bd_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void bd_store_release_u64(uint64_t *word, uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* What was written before it is seen by whoever sees a store behind it. */
static inline void bd_fence_release(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }

#endif
