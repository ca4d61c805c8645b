/* See bd_descriptor.h. */
#include "bd_descriptor.h"

#include <sys/stat.h>
#include <unistd.h>

bd_descriptor bd_descriptor_of(int fd) {
    struct stat about;
    bd_descriptor descriptor = {.fd = fd};
    if (fd >= 0 && fstat(fd, &about) == 0) {
        descriptor.device = about.st_dev;
        descriptor.inode = about.st_ino;
    }
    return descriptor;
}

bool bd_descriptor_is_ours(const bd_descriptor *descriptor) {
    struct stat about;
    return descriptor->fd >= 0 && fstat(descriptor->fd, &about) == 0 && about.st_dev == descriptor->device &&
           about.st_ino == descriptor->inode;
}

void bd_descriptor_close(bd_descriptor *descriptor) {
    if (bd_descriptor_is_ours(descriptor)) close(descriptor->fd);
    descriptor->fd = -1;
}
