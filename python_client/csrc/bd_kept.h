/* Edits of documents that the worker may not have applied yet, kept as they were sent: when a worker dies, the next one gets
 * those that this one did not get to, in the same order, and no document has to be loaded again. */
#ifndef BD_KEPT_H
#define BD_KEPT_H

#include "bd_state.h"

/* Of all edits that are on their way. Sockets and buffers hold less of short ones; where nobody tells how far the worker is
 * (BINDD_ARENA=0 and no call), a document of which more was sent says after a death that its edits are lost. */
#define BD_KEPT_BYTES_MAX (16u << 20)

/* The newest request edited a document. `copies`: from another one. False: it is not kept. */
bool bd_kept_add(bd_workspace *workspace, uint16_t operation, uint32_t document, bool copies, const bd_writer *payload);
/* After a death: sends again what came after `done`. What cannot be had closes its document. `guilty`: the request that the
 * worker died of, 0: none of ours. Returns how many were sent. */
uint64_t bd_kept_resend(bd_workspace *workspace, uint64_t done, uint64_t guilty);
void bd_kept_free(bd_workspace *workspace);

#endif
