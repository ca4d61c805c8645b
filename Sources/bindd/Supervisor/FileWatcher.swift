// Files that somebody wants to hear of: their folders are watched (inotify), and when anything in there changes, each file is
// looked at that is in there. So a file that is saved by renaming another one over it is seen, and one that was only read is not. One table for
// all who listen: a file is watched once, and a change is told once. What comes within `filesRestMs` is one change.
//
// What it must not do: read the files. It does look at them (stat(2)) on the loop: the file systems are local ones.
// Cost: one descriptor, a watch for each folder, and, at most once in `filesRestMs`, a stat(2) of each of these
// files and their watches set again, `filesPerTurn` of them in one turn of the loop.

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

    private struct Watched {
        var look: Look
        var users: Int
        /// Watch descriptors of its folder, and of those that tell when it is another one.
        var watches: Set<Int32>
    }

    private static let wanted =
        UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM) | UInt32(IN_DELETE) | UInt32(IN_ATTRIB)
        | UInt32(IN_CREATE) | moved
    private static let moved = UInt32(IN_MOVE_SELF) | UInt32(IN_DELETE_SELF)

    private var fd: Int32
    private var watcher: SocketWatcher?
    private var rest: Timer?
    private var files: [String: Watched] = [:]
    /// Of how many files a watch is.
    private var users: [Int32: Int] = [:]
    /// Watches that told of something since looking began; -1: any of them.
    private var fired: Set<Int32> = []
    /// Paths still to be looked at.
    private var waiting: [String] = []
    private let onChange: (_ path: String, _ exists: Bool) -> Void

    /// `onChange` hears whether the file is there now.
    init(loop: EventLoop, onChange: @escaping (_ path: String, _ exists: Bool) -> Void) throws(SystemError) {
        self.onChange = onChange
        fd = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        guard fd >= 0 else { throw SystemError("inotify_init1", code: errno) }
        rest = Timer(loop: loop) { [weak self] in self?.lookAtSome() }
        do throws(LoopError) {
            watcher = try SocketWatcher(loop: loop, fd: fd) { [weak self] _ in self?.changed() }
            try watcher?.watch(.readable)
        } catch {
            close()
            throw SystemError("\(error.call)", code: -error.code)
        }
    }

    /// Idempotent.
    func close() {
        watcher?.close()
        watcher = nil
        rest?.close()
        rest = nil
        if fd >= 0 { Glibc.close(fd) }
        fd = -1
    }

    var isEmpty: Bool { files.isEmpty }

    /// Absolute paths, each to be removed once for each time that it was added. Fails where a file's folder is not there; then
    /// none is added.
    func add(_ paths: [String]) throws(SystemError) {
        var added: [String] = []
        for path in paths {
            do throws(SystemError) {
                try add(path)
                added.append(path)
            } catch {
                remove(added)
                throw error
            }
        }
    }

    private func add(_ path: String) throws(SystemError) {
        if files[path] != nil {
            files[path]?.users += 1
            return
        }
        let folder = FileWatcher.folder(path)
        guard inotify_add_watch(fd, folder, FileWatcher.wanted | UInt32(IN_MASK_ADD)) >= 0 else {
            throw SystemError("inotify_add_watch \(folder)", code: errno)
        }
        // The look comes behind the watches: what happens between them is told.
        let watches = watch(path)
        for each in watches { users[each, default: 0] += 1 }
        files[path] = Watched(look: Look(path), users: 1, watches: watches)
    }

    func remove(_ paths: [String]) {
        for path in paths {
            guard var file = files[path] else { continue }
            file.users -= 1
            files[path] = file.users > 0 ? file : nil
            if file.users == 0 { unwatch(file.watches) }
        }
    }

    private func unwatch(_ watches: Set<Int32>) {
        for each in watches {
            let left = (users[each] ?? 1) - 1
            users[each] = left > 0 ? left : nil
            if left <= 0, fd >= 0 { _ = inotify_rm_watch(fd, each) }  // fails where the folder is gone: so is the watch
        }
    }

    /// Watches the path's folder and, where a link leads elsewhere, that of the file itself; of a folder that is not there, the
    /// next one up. All folders above tell when they move.
    private func watch(_ path: String) -> Set<Int32> {
        var watches: Set<Int32> = []
        var places = [path]
        if let real = realpath(path, nil) {
            places.append(String(cString: real))
            free(real)
        }
        for place in Set(places) { watches.formUnion(watch(foldersOf: place)) }
        return watches
    }

    private func watch(foldersOf place: String) -> Set<Int32> {
        var before: Set<Int32> = []
        while true {
            var watches: Set<Int32> = []
            var folder = place
            var mask = FileWatcher.wanted
            var isWhole = true
            repeat {
                folder = FileWatcher.folder(folder)
                let number = inotify_add_watch(fd, folder, mask | UInt32(IN_MASK_ADD))
                if number >= 0 {
                    watches.insert(number)
                    mask = FileWatcher.moved
                } else {
                    isWhole = false
                }
            } while folder != "/"
            // One that was not there may have been made before the one above it was watched.
            if isWhole || watches == before { return watches }
            before = watches
        }
    }

    private static func folder(_ path: String) -> String {
        let folder = path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)
        return folder.isEmpty ? "/" : String(folder)
    }

    private func changed() {
        var room = [UInt8](repeating: 0, count: 16 << 10)
        while fd >= 0 {
            let count = read(fd, &room, room.count)
            guard count > 0 else { break }
            var at = 0  // of an inotify_event: wd, mask, cookie, bytes of the name, 4 bytes each; the name
            while at + 16 <= count {
                fired.insert(Int32(bitPattern: FileWatcher.word(room, at)))
                at += 16 + Int(FileWatcher.word(room, at + 12))
            }
        }
        // Where looking is under way, its end sets the timer.
        if waiting.isEmpty, rest?.isActive == false { rest?.start(afterMs: DaemonLimits.filesRestMs) }
    }

    private static func word(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
    }

    private func lookAtSome() {
        if waiting.isEmpty {
            let all = fired.contains(-1)  // more happened than the system keeps
            waiting = files.filter { all || !$0.value.watches.isDisjoint(with: fired) }.keys.sorted(by: >)
            fired = []
        }
        for path in waiting.suffix(DaemonLimits.filesPerTurn).reversed() {
            waiting.removeLast()
            look(path)
            if fd < 0 { return }
        }
        if !waiting.isEmpty {
            rest?.start(afterMs: 0)
        } else if !fired.isEmpty {
            rest?.start(afterMs: DaemonLimits.filesRestMs)
        }
    }

    private func look(_ path: String) {
        guard var file = files[path] else { return }
        let watches = watch(path)
        for each in watches.subtracting(file.watches) { users[each, default: 0] += 1 }
        unwatch(file.watches.subtracting(watches))
        file.watches = watches
        let now = Look(path)
        let isNew = now != file.look
        file.look = now
        files[path] = file
        if isNew { onChange(path, now.exists) }
    }
}
