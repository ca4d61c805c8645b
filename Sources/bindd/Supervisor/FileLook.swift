// What there is to see of one file, and the watches (inotify) that tell when that changes. Must not run on the loop: it asks the
// file system, and a mount that hangs answers when it wants to. Must not read the file, or keep anything.
// Cost: two dozen system calls.

import Glibc

struct FileLook {
    struct State: Equatable {
        var device: UInt = 0
        var inode: UInt = 0
        var size = 0
        var seconds = 0
        var nanoseconds = 0
        var exists = false

        init(_ path: String) {
            var about = stat()
            guard stat(path, &about) == 0 else { return }
            exists = true
            (device, inode, size) = (UInt(about.st_dev), UInt(about.st_ino), Int(about.st_size))
            (seconds, nanoseconds) = (about.st_mtim.tv_sec, about.st_mtim.tv_nsec)
        }
    }

    let state: State
    /// Watch descriptors of its folder, and of those that tell when it is another one.
    let watches: Set<Int32>
    /// nil: its folder is there and is watched.
    let folderError: SystemError?

    private static let wanted =
        UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM) | UInt32(IN_DELETE) | UInt32(IN_ATTRIB)
        | UInt32(IN_CREATE) | moved
    private static let moved = UInt32(IN_MOVE_SELF) | UInt32(IN_DELETE_SELF)

    /// An absolute path; its watches are added to those that `inotify` has.
    init(_ path: String, inotify: Int32) {
        let folder = FileLook.folder(path)
        let isWatched = inotify_add_watch(inotify, folder, FileLook.wanted | UInt32(IN_MASK_ADD)) >= 0
        folderError = isWatched ? nil : SystemError("inotify_add_watch \(folder)", code: errno)
        // The look comes behind the watches: what happens between them is told.
        watches = FileLook.watch(path, inotify)
        state = State(path)
    }

    /// Watches the path's folder and, where a link leads elsewhere, that of the file itself; of a folder that is not there, the
    /// next one up. All folders above tell when they move.
    private static func watch(_ path: String, _ inotify: Int32) -> Set<Int32> {
        var watches: Set<Int32> = []
        var places = [path]
        if let real = realpath(path, nil) {
            places.append(String(cString: real))
            free(real)
        }
        for place in Set(places) { watches.formUnion(watch(foldersOf: place, inotify)) }
        return watches
    }

    private static func watch(foldersOf place: String, _ inotify: Int32) -> Set<Int32> {
        var before: Set<Int32> = []
        while true {
            var watches: Set<Int32> = []
            var folder = place
            var mask = wanted
            var isWhole = true
            repeat {
                folder = self.folder(folder)
                let number = inotify_add_watch(inotify, folder, mask | UInt32(IN_MASK_ADD))
                if number >= 0 {
                    watches.insert(number)
                    mask = moved
                } else {
                    isWhole = false
                }
            } while folder != "/"
            // One that was not there may have been made before the one above it was watched.
            if isWhole || watches == before { return watches }
            before = watches
        }
    }

    static func folder(_ path: String) -> String {
        let folder = path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)
        return folder.isEmpty ? "/" : String(folder)
    }
}
