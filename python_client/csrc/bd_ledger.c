/* See bd_ledger.h; the file's layout is in bd_layout.h. */
#include "bd_ledger.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BD_CHUNK_RECORDS 65536u
#define BD_CHUNKS (BD_LEDGER_RECORDS_MAX / BD_CHUNK_RECORDS)
#define BD_TEXTS_BYTES_MAX (BD_LEDGER_FRAMES_OFFSET - BD_LEDGER_TEXTS_OFFSET)
#define BD_FRAMES_LOOKED_AT 8   /* bindd's own may stand before the user's */
#define BD_LABEL_BYTES_MAX 1024u

_Static_assert(
    BD_LEDGER_RECORDS_OFFSET + BD_LEDGER_RECORDS_MAX * sizeof(bd_ledger_record) <= BD_LEDGER_CONTENTS_OFFSET, "contents stand behind them");
_Static_assert(BD_LEDGER_BYTES == BD_LEDGER_CONTENTS_OFFSET + BD_LEDGER_CONTENTS_BYTES, "the file ends with them");
_Static_assert(
    BD_LEDGER_SITES_OFFSET + BD_LEDGER_SITES_MAX * sizeof(bd_ledger_site) <= BD_LEDGER_PLACES_OFFSET &&
        BD_LEDGER_PLACES_OFFSET + BD_LEDGER_PLACES_MAX * sizeof(bd_contents_place) <= BD_LEDGER_RECORDS_OFFSET,
    "tables do not overlap");

typedef struct bd_known { /* open addressing: a hash and the number it leads to, 0: free */
    uint64_t hash;
    uint32_t number;
} bd_known;

typedef struct bd_known_table {
    bd_known *slots;
    uint32_t mask, used;
} bd_known_table;

typedef struct bd_code_line { /* the key of a frame, with a reference that keeps the code object's address its own */
    PyObject *code;
    uint32_t line;
    bool is_own;
} bd_code_line;

struct bd_ledger {
    bd_ledger_header *header; /* the start of the file, up to the records */
    unsigned char *texts;
    bd_ledger_frame *frames;
    bd_ledger_site *sites;
    bd_ledger_record *chunks[BD_CHUNKS];
    uint32_t free_record; /* a chain through created_ns */
    uint32_t line_count;
    uint64_t random;
    bd_descriptor file; /* for further chunks */
    bd_code_line *lines; /* by frame */
    bd_known_table text_table, frame_table, site_table;
    PyObject *f_back, *co_filename, *co_qualname;
    char *own;
    bd_contents_area *contents;
};

/* -- tables ----------------------------------------------------------------------------------------------------------- */

static inline uint64_t bd_mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9E3779B97F4A7C15ull;
    return hash ^ hash >> 29;
}

static bool bd_known_grow(bd_known_table *table) {
    uint32_t slots = table->slots ? (table->mask + 1) * 2 : 256;
    bd_known *grown = calloc(slots, sizeof *grown);
    if (!grown) return false;
    for (uint32_t i = 0; table->slots && i <= table->mask; i++) {
        if (!table->slots[i].number) continue;
        uint32_t at = (uint32_t)table->slots[i].hash & (slots - 1);
        while (grown[at].number) at = (at + 1) & (slots - 1);
        grown[at] = table->slots[i];
    }
    free(table->slots);
    table->slots = grown;
    table->mask = slots - 1;
    return true;
}

static bool bd_known_add(bd_known_table *table, uint64_t hash, uint32_t number) {
    if ((!table->slots || table->used * 4 >= (table->mask + 1) * 3) && !bd_known_grow(table)) return false;
    uint32_t at = (uint32_t)hash & table->mask;
    while (table->slots[at].number) at = (at + 1) & table->mask;
    table->slots[at] = (bd_known){hash, number};
    table->used++;
    return true;
}

/* The slots with that hash, one after the other: start with at = (uint32_t)hash, go on with at + 1. NULL: no more. */
static const bd_known *bd_known_find(const bd_known_table *table, uint64_t hash, uint32_t *at) {
    if (!table->slots) return NULL;
    for (;; ++*at) {
        const bd_known *slot = &table->slots[*at & table->mask];
        if (!slot->number) return NULL;
        if (slot->hash == hash) return slot;
    }
}

/* -- texts, frames, sites --------------------------------------------------------------------------------------------- */

/* Number of the text; 0 when there is no room. */
static uint32_t bd_ledger_text(bd_ledger *ledger, const char *text, size_t bytes) {
    if (!bytes) return 0;
    if (bytes > BD_LABEL_BYTES_MAX) bytes = BD_LABEL_BYTES_MAX;
    uint64_t hash = bytes;
    for (size_t i = 0; i < bytes; i++) hash = bd_mix(hash, (unsigned char)text[i]);
    const bd_known *known;
    for (uint32_t at = (uint32_t)hash; (known = bd_known_find(&ledger->text_table, hash, &at)); at++) {
        uint32_t length;
        const unsigned char *start = ledger->texts + 4 * (size_t)known->number;
        memcpy(&length, start, sizeof length);
        if (length == bytes && memcmp(start + 4, text, bytes) == 0) return known->number;
    }
    bd_ledger_header *header = ledger->header;
    uint32_t need = (uint32_t)(4 + bytes + 3) & ~3u, number = header->texts_bytes / 4;
    if (need > BD_TEXTS_BYTES_MAX - header->texts_bytes || !bd_known_add(&ledger->text_table, hash, number)) return 0;
    uint32_t length = (uint32_t)bytes;
    memcpy(ledger->texts + header->texts_bytes, &length, sizeof length);
    memcpy(ledger->texts + header->texts_bytes + 4, text, bytes);
    bd_store_release_u32(&header->texts_bytes, header->texts_bytes + need);
    return number;
}

uint32_t bd_ledger_name(bd_ledger *ledger, const char *name, size_t bytes) {
    if (!ledger->header || ledger->header->texts_bytes > BD_TEXTS_BYTES_MAX / 2) return 0;
    return bd_ledger_text(ledger, name, bytes);
}

/* Whether the file is in one of the folders that are left out, which stand on lines of their own. */
static bool bd_ledger_is_own(const bd_ledger *ledger, const char *file, size_t bytes) {
    for (const char *folder = ledger->own; *folder;) {
        size_t length = strcspn(folder, "\n");
        if (length && bytes > length && memcmp(file, folder, length) == 0) return true;
        folder += length + (folder[length] == '\n');
    }
    return false;
}

static uint32_t bd_ledger_attribute(bd_ledger *ledger, PyObject *code, PyObject *name, bool *is_own) {
    PyObject *value = PyObject_GetAttr(code, name);
    Py_ssize_t bytes = 0;
    const char *text = value && PyUnicode_Check(value) ? PyUnicode_AsUTF8AndSize(value, &bytes) : NULL;
    if (!text) PyErr_Clear();
    if (is_own) *is_own = text && bd_ledger_is_own(ledger, text, (size_t)bytes);
    uint32_t number = text ? bd_ledger_text(ledger, text, (size_t)bytes) : 0;
    Py_XDECREF(value);
    return number;
}

/* Number of the frame; 0 when there is no room. */
static uint32_t bd_ledger_frame_number(bd_ledger *ledger, PyFrameObject *frame) {
    PyObject *code = (PyObject *)PyFrame_GetCode(frame);
    uint32_t line = (uint32_t)PyFrame_GetLineNumber(frame);
    uint64_t hash = bd_mix(bd_mix(1, (uint64_t)(uintptr_t)code), line);
    const bd_known *known;
    for (uint32_t at = (uint32_t)hash; (known = bd_known_find(&ledger->frame_table, hash, &at)); at++) {
        const bd_code_line *key = &ledger->lines[known->number];
        if (key->code != code || key->line != line) continue;
        Py_DECREF(code);
        return known->number;
    }
    uint32_t number = ledger->header->frames;
    if (number >= BD_LEDGER_FRAMES_MAX || !bd_known_add(&ledger->frame_table, hash, number)) {
        Py_DECREF(code);
        return 0;
    }
    bd_code_line *key = &ledger->lines[number];
    *key = (bd_code_line){code, line, false};
    ledger->frames[number] = (bd_ledger_frame){
        .file = bd_ledger_attribute(ledger, code, ledger->co_filename, &key->is_own),
        .function = bd_ledger_attribute(ledger, code, ledger->co_qualname, NULL),
        .line = line,
    };
    ledger->line_count = number + 1;
    bd_store_release_u32(&ledger->header->frames, number + 1);
    return number;
}

static uint32_t bd_ledger_site_number(bd_ledger *ledger) {
    uint32_t frames[BD_LEDGER_FRAMES_PER_SITE] = {0}, count = 0;
    PyFrameObject *frame = PyEval_GetFrame(); /* borrowed */
    Py_XINCREF((PyObject *)frame);
    for (int looked = 0; frame && looked < BD_FRAMES_LOOKED_AT && count < BD_LEDGER_FRAMES_PER_SITE; looked++) {
        uint32_t number = bd_ledger_frame_number(ledger, frame);
        if (!number) break;
        if (count || !ledger->lines[number].is_own) frames[count++] = number;
        if (count == BD_LEDGER_FRAMES_PER_SITE) break;
        PyObject *back = PyObject_GetAttr((PyObject *)frame, ledger->f_back);
        if (!back) PyErr_Clear();
        Py_DECREF((PyObject *)frame);
        frame = back && back != Py_None ? (PyFrameObject *)back : NULL;
        if (!frame) Py_XDECREF(back);
    }
    Py_XDECREF((PyObject *)frame);
    if (!count) return 0;
    uint64_t hash = bd_mix(bd_mix(bd_mix(2, frames[0]), frames[1]), frames[2]);
    const bd_known *known;
    for (uint32_t at = (uint32_t)hash; (known = bd_known_find(&ledger->site_table, hash, &at)); at++)
        if (memcmp(ledger->sites[known->number].frames, frames, sizeof frames) == 0) return known->number;
    uint32_t number = ledger->header->sites;
    if (number >= BD_LEDGER_SITES_MAX || !bd_known_add(&ledger->site_table, hash, number)) return 0;
    memcpy(ledger->sites[number].frames, frames, sizeof frames);
    bd_store_release_u32(&ledger->header->sites, number + 1);
    return number;
}

/* -- records ---------------------------------------------------------------------------------------------------------- */

static void *bd_ledger_map(const bd_descriptor *file, size_t offset, size_t bytes) {
    if (!bd_descriptor_is_ours(file)) return NULL;
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, (off_t)offset);
    if (map == MAP_FAILED) return NULL;
    madvise(map, bytes, MADV_DONTFORK); /* a child must not write into its parent's */
    return map;
}

static inline bd_ledger_record *bd_ledger_at(bd_ledger *ledger, uint32_t record) {
    return ledger->chunks[record / BD_CHUNK_RECORDS] + record % BD_CHUNK_RECORDS;
}

/* A free record; 0 when there is none. */
static uint32_t bd_ledger_take(bd_ledger *ledger) {
    uint32_t record = ledger->free_record;
    if (record) {
        ledger->free_record = (uint32_t)bd_ledger_at(ledger, record)->created_ns;
        return record;
    }
    record = ledger->header->records;
    if (record >= BD_LEDGER_RECORDS_MAX) return 0;
    bd_ledger_record **chunk = &ledger->chunks[record / BD_CHUNK_RECORDS];
    if (!*chunk) {
        size_t bytes = BD_CHUNK_RECORDS * sizeof(bd_ledger_record);
        *chunk = bd_ledger_map(&ledger->file, BD_LEDGER_RECORDS_OFFSET + bytes * (record / BD_CHUNK_RECORDS), bytes);
        if (!*chunk) return 0;
    }
    bd_store_release_u32(&ledger->header->records, record + 1);
    return record;
}

static uint64_t bd_ledger_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bd_ledger_record *bd_ledger_find(bd_ledger *ledger, uint32_t record) {
    return record && ledger->header ? bd_ledger_at(ledger, record) : NULL;
}

bool bd_ledger_place(const bd_ledger *ledger, const bd_ledger_record *record, char *text, size_t bytes) {
    uint32_t frame = ledger->sites[record->site].frames[0]; /* its own writing: in range; 0 of each table is "none" */
    uint32_t file = ledger->frames[frame].file, length;
    if (!record->site || !frame || !file) return false;
    const unsigned char *start = ledger->texts + 4 * (size_t)file;
    memcpy(&length, start, sizeof length);
    snprintf(text, bytes, "%.*s:%u", (int)length, (const char *)start + sizeof length, ledger->frames[frame].line);
    return true;
}

void bd_ledger_time(bd_ledger_record *record, uint32_t used_by) {
    record->used_by = used_by;
    record->used_ns = bd_ledger_now();
}

uint32_t bd_ledger_add(
    bd_ledger *ledger, uint64_t id, uint32_t place, const char *label, uint32_t weight, const bd_ledger_request *request) {
    uint32_t number = ledger->header ? bd_ledger_take(ledger) : 0;
    if (!ledger->header) return 0; /* a child's copy */
    if (!number) {
        ledger->header->dropped++;
        return 0;
    }
    bd_ledger_record *record = bd_ledger_at(ledger, number);
    record->created_ns = bd_ledger_now();
    record->used_ns = 0;
    record->used_by = record->uses = 0;
    record->request = request->number;
    record->operation = request->number ? request->operation : 0;
    record->waited_us = request->number ? request->waited_us : 0;
    /* Frames are objects of the collector: a collection here would run finalizers in the middle of whoever makes handles. */
    int was_enabled = PyGC_Disable();
    record->site = bd_ledger_site_number(ledger);
    if (was_enabled) PyGC_Enable();
    record->label = label ? bd_ledger_text(ledger, label, strlen(label)) : 0;
    record->place = place;
    record->weight = weight;
    bd_store_release_u64(&record->id, id);
    ledger->header->living++;
    return number;
}

void bd_ledger_remove(bd_ledger *ledger, uint32_t number) {
    if (!ledger->header) return; /* a child's copy */
    bd_ledger_record *record = bd_ledger_at(ledger, number);
    bd_store_release_u64(&record->id, 0);
    bd_fence_release(); /* a reader that sees what follows sees the id gone */
    record->created_ns = ledger->free_record;
    ledger->free_record = number;
    ledger->header->living--;
}

bd_contents_area *bd_ledger_contents(bd_ledger *ledger) { return ledger->contents; }

bd_contents *bd_ledger_take_contents(bd_ledger *ledger, uint32_t count) {
    return ledger->contents ? bd_contents_take(ledger->contents, &ledger->file, count) : NULL;
}

uint32_t bd_ledger_weight(const bd_ledger *ledger) { return ledger->header ? ledger->header->interval : 1; }

/* Random, so that no rhythm of the program hides a place from it; as many on average as the interval. */
uint32_t bd_ledger_next(bd_ledger *ledger) {
    uint32_t interval = bd_ledger_weight(ledger);
    if (interval <= 1) return 1;
    ledger->random ^= ledger->random << 13;
    ledger->random ^= ledger->random >> 7;
    ledger->random ^= ledger->random << 17;
    return 1 + (uint32_t)(ledger->random >> 32) % (2 * interval - 1);
}

/* -- opening and closing ------------------------------------------------------------------------------------------------ */

static bool bd_ledger_prepare(bd_ledger *ledger, int fd, const char *own) {
    if (fd < 0 || ftruncate(fd, (off_t)BD_LEDGER_BYTES) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
        return false;
    ledger->file = bd_descriptor_of(fcntl(fd, F_DUPFD_CLOEXEC, 3));
    ledger->header = bd_ledger_map(&ledger->file, 0, BD_LEDGER_RECORDS_OFFSET);
    ledger->lines = calloc(BD_LEDGER_FRAMES_MAX, sizeof *ledger->lines);
    ledger->f_back = PyUnicode_InternFromString("f_back");
    ledger->co_filename = PyUnicode_InternFromString("co_filename");
    ledger->co_qualname = PyUnicode_InternFromString("co_qualname");
    ledger->own = strdup(own);
    return ledger->header && ledger->lines && ledger->f_back && ledger->co_filename && ledger->co_qualname && ledger->own;
}

bd_ledger *bd_ledger_open(uint32_t interval, uint32_t generation, const char *own, int *fd) {
    bd_ledger *ledger = calloc(1, sizeof *ledger);
    *fd = -1;
    if (!ledger) return NULL;
    ledger->file.fd = -1;
    int made = memfd_create("bindd-ledger", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (!bd_ledger_prepare(ledger, made, own)) {
        PyErr_Clear();
        if (made >= 0) close(made);
        bd_ledger_close(ledger);
        return NULL;
    }
    unsigned char *start = (unsigned char *)ledger->header;
    ledger->texts = start + BD_LEDGER_TEXTS_OFFSET;
    ledger->frames = (bd_ledger_frame *)(start + BD_LEDGER_FRAMES_OFFSET);
    ledger->sites = (bd_ledger_site *)(start + BD_LEDGER_SITES_OFFSET);
    ledger->random = bd_mix(0x5DEECE66Dull, (uint64_t)getpid() << 32 | generation) | 1;
    *ledger->header = (bd_ledger_header){
        .magic = BD_LEDGER_MAGIC, .layout_version = BD_LAYOUT_VERSION, .pid = (uint32_t)getpid(), .generation = generation,
        .interval = interval, .texts_bytes = 4, .frames = 1, .sites = 1, .records = 1, .places = 1};
    ledger->contents = bd_contents_open(ledger->header, (bd_contents_place *)(start + BD_LEDGER_PLACES_OFFSET));
    *fd = made;
    return ledger;
}

void bd_ledger_end(bd_ledger *ledger) { bd_descriptor_close(&ledger->file); }

void bd_ledger_forked(bd_ledger *ledger) {
    bd_ledger_end(ledger);
    ledger->header = NULL;
    bd_contents_forked(ledger->contents);
    memset(ledger->chunks, 0, sizeof ledger->chunks);
}

int bd_ledger_descriptor(const bd_ledger *ledger) {
    return bd_descriptor_is_ours(&ledger->file) ? fcntl(ledger->file.fd, F_DUPFD_CLOEXEC, 3) : -1;
}

void bd_ledger_close(bd_ledger *ledger) {
    if (!ledger) return;
    if (ledger->header) munmap(ledger->header, BD_LEDGER_RECORDS_OFFSET);
    for (uint32_t i = 0; i < BD_CHUNKS; i++)
        if (ledger->chunks[i]) munmap(ledger->chunks[i], BD_CHUNK_RECORDS * sizeof(bd_ledger_record));
    bd_ledger_end(ledger);
    bd_contents_close(ledger->contents);
    for (uint32_t i = 0; ledger->lines && i < ledger->line_count; i++) Py_XDECREF(ledger->lines[i].code);
    free(ledger->lines);
    free(ledger->text_table.slots);
    free(ledger->frame_table.slots);
    free(ledger->site_table.slots);
    Py_XDECREF(ledger->f_back);
    Py_XDECREF(ledger->co_filename);
    Py_XDECREF(ledger->co_qualname);
    free(ledger->own);
    free(ledger);
}
