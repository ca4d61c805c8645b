/* A queue by number of request. What the worker has applied leaves it when the next edit comes: the worker tells in shared
 * memory how far it is, or by its answers. Edits refer to documents and to numbers of records, which both sides give alike:
 * sent again behind the same ones, an edit means the same. The one that killed the worker is left out, and then all of its
 * document, and what copies from any document that is not what it was.
 *
 * Cost: one allocation and a copy per edit.
 */
#include "bd_kept.h"

#include "bd_typed.h"

#include <stdlib.h>

struct bd_kept_edit {
    struct bd_kept_edit *next;
    uint64_t request;
    uint32_t document;
    uint32_t bytes;
    uint16_t operation;
    bool copies;
    unsigned char payload[];
};

static uint64_t bd_kept_applied(const bd_workspace *workspace) {
    if (!workspace->memory || workspace->slot >= BD_CLIENT_SLOTS_MAX) return workspace->answered;
    uint64_t applied = __atomic_load_n(&workspace->memory->applied[workspace->slot], __ATOMIC_ACQUIRE);
    /* The page of a worker that is new to this client may know nothing yet; no page knows what was not sent. */
    return applied > workspace->answered && applied <= workspace->requests ? applied : workspace->answered;
}

static void bd_kept_drop(bd_workspace *workspace) {
    bd_kept_edit *first = workspace->kept_first;
    workspace->kept_first = first->next;
    if (!first->next) workspace->kept_last = NULL;
    workspace->kept_bytes -= first->bytes;
    free(first);
}

void bd_kept_free(bd_workspace *workspace) {
    while (workspace->kept_first) bd_kept_drop(workspace);
}

static void bd_kept_push(bd_workspace *workspace, bd_kept_edit *edit) {
    edit->next = NULL;
    if (workspace->kept_last) workspace->kept_last->next = edit;
    else workspace->kept_first = edit;
    workspace->kept_last = edit;
    workspace->kept_bytes += edit->bytes;
}

bool bd_kept_add(bd_workspace *workspace, uint16_t operation, uint32_t document, bool copies, const bd_writer *payload) {
    uint64_t applied = bd_kept_applied(workspace);
    while (workspace->kept_first && workspace->kept_first->request <= applied) bd_kept_drop(workspace);
    if (workspace->requests <= applied) return true;
    if (payload->size > BD_KEPT_BYTES_MAX - workspace->kept_bytes) return false;
    bd_kept_edit *edit = malloc(sizeof *edit + payload->size);
    if (!edit) return false;
    *edit = (bd_kept_edit){NULL, workspace->requests, document, (uint32_t)payload->size, operation, copies};
    memcpy(edit->payload, payload->data, payload->size);
    bd_kept_push(workspace, edit);
    return true;
}

static bd_typed *bd_kept_document(const bd_workspace *workspace, uint32_t index) {
    bd_typed *document = workspace->documents;
    while (document && document->index != index) document = document->next_document;
    return document;
}

/* Whether the edit still means what it meant; where it does not, its document is not what it shows. */
static bool bd_kept_is_sound(const bd_kept_edit *edit, bd_typed *document, uint64_t guilty, bool is_any_unsure) {
    if (document->unsure) return false;
    if (edit->request != guilty && !(edit->copies && is_any_unsure)) return true;
    document->unsure = "it was lost with the worker";
    return false;
}

uint64_t bd_kept_resend(bd_workspace *workspace, uint64_t done, uint64_t guilty) {
    uint64_t count = 0;
    bool is_any_unsure = false;
    for (const bd_typed *each = workspace->documents; each; each = each->next_document)
        is_any_unsure = is_any_unsure || each->unsure;
    bd_kept_edit *edit = workspace->kept_first;
    workspace->kept_first = workspace->kept_last = NULL;
    workspace->kept_bytes = 0;
    while (edit) {
        bd_kept_edit *next = edit->next;
        bd_typed *document = edit->request > done ? bd_kept_document(workspace, edit->document) : NULL;
        bool is_sent = false;
        if (document && !document->is_freed && bd_kept_is_sound(edit, document, guilty, is_any_unsure)) {
            bd_piece piece = {edit->payload, edit->bytes};
            is_sent = bd_request_again(workspace, edit->operation, &piece) == 0;
            if (!is_sent) document->unsure = "memory ran out";
        }
        is_any_unsure = is_any_unsure || (document && document->unsure);
        if (is_sent) {
            document->edited = edit->request = workspace->requests;
            bd_kept_push(workspace, edit);
            count++;
        } else {
            free(edit);
        }
        edit = next;
    }
    return count;
}
