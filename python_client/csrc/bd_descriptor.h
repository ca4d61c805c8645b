/* A descriptor that this process keeps for long, and which file is behind it. A program may close numbers that it did not open
 * (os.closerange, recipes for daemons) and have them anew for files of its own: those are neither read, written and mapped nor
 * closed by us. Whoever uses a kept number looks first.
 *
 * Another thread may do it between the look and the call; against that there is nothing.
 * Cost: one fstat(2) for each look.
 */
#ifndef BD_DESCRIPTOR_H
#define BD_DESCRIPTOR_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct bd_descriptor {
    int fd; /* -1: none */
    dev_t device;
    ino_t inode;
} bd_descriptor;

/* Takes over a descriptor that was just opened; -1: none. */
bd_descriptor bd_descriptor_of(int fd);
/* Whether there is one, and its number still means the same file. */
bool bd_descriptor_is_ours(const bd_descriptor *descriptor);
/* Closes it if it is ours; then there is none. May be called after fork(), in the child. */
void bd_descriptor_close(bd_descriptor *descriptor);

#endif
