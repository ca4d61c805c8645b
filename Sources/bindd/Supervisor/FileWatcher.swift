// Files that somebody wants to hear of: their folders are watched (inotify), and when anything in there changes, each file is
// looked at. So a file that is saved by renaming another one over it is seen, and one that was only read is not.
//
// What it must not do: read the files. Cost: one descriptor, a watch for each folder, and a stat(2) of each file whenever a
// folder changes.

import Glibc

final class FileWatcher {
    private struct Look: Equatable {
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

    private static let wanted =
        UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM) | UInt32(IN_DELETE) | UInt32(IN_ATTRIB)

    private var fd: Int32
    private var watcher: SocketWatcher?
    private var looks: [(path: String, look: Look)]
    private let onChange: (_ path: String, _ exists: Bool) -> Void

    /// `paths` are absolute. `onChange` hears whether the file is there now.
    init(
        loop: EventLoop, paths: [String], onChange: @escaping (_ path: String, _ exists: Bool) -> Void
    ) throws(SystemError) {
        self.onChange = onChange
        looks = paths.map { ($0, Look($0)) }
        fd = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        guard fd >= 0 else { throw SystemError("inotify_init1", code: errno) }
        for folder in Set(paths.map(FileWatcher.folder)) where inotify_add_watch(fd, folder, FileWatcher.wanted) < 0 {
            let code = errno
            close()
            throw SystemError("inotify_add_watch \(folder)", code: code)
        }
        do throws(LoopError) {
            watcher = try SocketWatcher(loop: loop, fd: fd) { [weak self] _ in self?.changed() }
            try watcher?.watch(.readable)
        } catch {
            close()
            throw SystemError("\(error.call)", code: -error.code)
        }
    }

    private static func folder(_ path: String) -> String {
        let folder = path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)
        return folder.isEmpty ? "/" : String(folder)
    }

    /// Idempotent.
    func close() {
        watcher?.close()
        watcher = nil
        if fd >= 0 { Glibc.close(fd) }
        fd = -1
    }

    private func changed() {
        var room = [UInt8](repeating: 0, count: 16 << 10)
        while fd >= 0, read(fd, &room, room.count) > 0 {}
        for index in looks.indices {
            let now = Look(looks[index].path)
            guard now != looks[index].look else { continue }
            looks[index].look = now
            onChange(looks[index].path, now.exists)
            if fd < 0 { return }
        }
    }
}
