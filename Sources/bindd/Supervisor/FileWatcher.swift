// Tells when files change that somebody else writes. Their folders are watched (inotify), and where something happened, each file is
// looked at that is in there. So a file that is saved by renaming another one over it is seen, and one that was only read is not. One table for
// all who listen: a file is watched once, and a change is told once. What comes within `filesRestMs` is one change.
//
// What it must not do: read the files, or ask the file system on the loop. Looks are taken in the background (FileLook), one piece
// of work at a time for each folder, `foldersAtOnce` folders at once. A mount that hangs keeps its own folders waiting, and that is
// told (FileWatcher+Hanging); it keeps others waiting only where it has them all.
// Cost: one descriptor, a watch for each folder, and, at most once in `filesRestMs`, a thread for each of these folders, a look at
// each of their files and their watches set again.

import Glibc

final class FileWatcher {
    struct Refusal {
        let message: String
        let hint: String
    }

    enum News: Equatable {
        case changed(path: String, exists: Bool)
        /// What changes in this folder is not seen now. `reason` is "" when it is again.
        case hangs(folder: String, reason: String)
    }

    struct Watched {
        /// nil before the first look.
        var state: FileLook.State?
        var users = 0
        var watches: Set<Int32> = []
    }

    /// Files that are being added for somebody.
    struct Addition {
        let paths: [String]
        var missing: Set<String>
        let onAdded: (Refusal?) -> Void
    }

    /// One that has files to be looked at, or whose files are.
    struct Folder {
        var waiting: Set<String> = []
        var isUnderWay = false
        /// Watches that told of something since that began.
        var told: Set<Int32> = []
        /// Since when it has not answered, though it was asked or has to wait.
        var sinceNs: UInt64
        var hangs = false
    }

    /// What a piece of background work leaves behind.
    private final class Looks {
        var results: [(path: String, look: FileLook)] = []
    }

    let nowNs: () -> UInt64
    let tell: (News) -> Void
    private let loop: EventLoop
    /// Open as long as anybody looks.
    private let inotify: OwnedDescriptor
    private let take: (_ path: String, _ inotify: Int32) -> FileLook
    private let onIdle: () -> Void
    private var watcher: SocketWatcher?
    private var rest: Timer?
    var patience: Timer?

    var files: [String: Watched] = [:]
    var additions: [UInt64: Addition] = [:]
    private var nextAddition: UInt64 = 0
    var folders: [String: Folder] = [:]
    /// Folders with files to be looked at, in the order of their turn.
    private var turns: [String] = []
    /// Of how many files a watch is.
    private var users: [Int32: Int] = [:]
    /// Watches of no file. They end while nobody looks: who does may be about to name them again.
    private var unused: Set<Int32> = []
    /// Watches that told of something since the last look; -1: any of them.
    private var fired: Set<Int32> = []

    /// `take` runs on other threads. `onIdle` may come whenever nobody uses it any more.
    init(
        loop: EventLoop, nowNs: (() -> UInt64)? = nil,
        take: @escaping (_ path: String, _ inotify: Int32) -> FileLook = FileLook.init,
        tell: @escaping (News) -> Void, onIdle: @escaping () -> Void
    ) throws(SystemError) {
        (self.loop, self.take, self.tell, self.onIdle) = (loop, take, tell, onIdle)
        self.nowNs = nowNs ?? { loop.nowNs }
        let fd = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        guard fd >= 0 else { throw SystemError("inotify_init1", code: errno) }
        inotify = OwnedDescriptor(fd)
        rest = Timer(loop: loop) { [weak self] in self?.restIsOver() }
        patience = Timer(loop: loop) { [weak self] in self?.patienceIsOver() }
        do throws(LoopError) {
            watcher = try SocketWatcher(loop: loop, fd: fd) { [weak self] _ in self?.changed() }
            try watcher?.watch(.readable)
        } catch {
            close()
            throw SystemError(error.call, negative: error.code)
        }
    }

    /// Idempotent. A look that is under way is not waited for, and who waits for one hears no more.
    func close() {
        watcher?.close()
        rest?.close()
        patience?.close()
        (watcher, rest, patience) = (nil, nil, nil)
        (files, additions, turns) = ([:], [:], [])
    }

    private var isClosed: Bool { rest == nil }

    /// Nobody uses it, and nothing of it hangs: another one would begin with less.
    var isIdle: Bool { files.isEmpty && !folders.values.contains(where: \.isUnderWay) }

    // -- files

    /// Absolute paths, each to be removed once for each time that it was added. Refused where a file's folder is not there, or
    /// hangs; then none is added. `onAdded` comes later, or now.
    func add(_ paths: [String], onAdded: @escaping (Refusal?) -> Void) {
        if let hanging = paths.map(FileLook.folder).filter({ folders[$0]?.hangs == true }).min() {
            return onAdded(refusal(hanging))
        }
        var missing: Set<String> = []
        for path in paths {
            files[path, default: Watched()].users += 1
            if files[path]?.state == nil { missing.insert(path) }
        }
        guard !missing.isEmpty else { return onAdded(nil) }
        nextAddition += 1
        additions[nextAddition] = Addition(paths: paths, missing: missing, onAdded: onAdded)
        for path in missing.sorted() { wait(for: path) }
        lookAtSome()
    }

    func remove(_ paths: [String]) {
        for path in paths {
            guard var file = files[path] else { continue }
            file.users -= 1
            files[path] = file.users > 0 ? file : nil
            if file.users == 0 { unwatch(file.watches) }
        }
        endUnused()
        if isIdle { onIdle() }
    }

    func finish(_ number: UInt64, _ refusal: Refusal?) {
        guard let addition = additions.removeValue(forKey: number) else { return }
        if refusal != nil { remove(addition.paths) }
        addition.onAdded(refusal)
    }

    private func isSeen(_ path: String, _ error: SystemError?) {
        for number in additions.keys.sorted() where additions[number]?.missing.remove(path) != nil {
            if let error {
                let isFull = error.code == ENOSPC
                finish(number, Refusal(message: "\(error)", hint: isFull ? "the system has no room for it (fs.inotify)" : "is it there?"))
            } else if additions[number]?.missing.isEmpty == true {
                finish(number, nil)
            }
        }
    }

    // -- watches

    private func unwatch(_ watches: Set<Int32>) {
        for each in watches {
            let left = (users[each] ?? 1) - 1
            users[each] = left > 0 ? left : nil
            if left <= 0 { unused.insert(each) }
        }
    }

    private func endUnused() {
        guard !folders.values.contains(where: \.isUnderWay) else { return }
        for each in unused where users[each] == nil {
            _ = inotify_rm_watch(inotify.fd, each)  // fails where the folder is gone: so is the watch
        }
        unused = []
    }

    private func changed() {
        var room = [UInt8](repeating: 0, count: 16 << 10)
        var told: Set<Int32> = []
        while true {
            let count = read(inotify.fd, &room, room.count)
            guard count > 0 else { break }
            var at = 0  // of an inotify_event: wd, mask, cookie, bytes of the name, 4 bytes each; the name
            while at + 16 <= count {
                told.insert(Int32(bitPattern: FileWatcher.word(room, at)))
                at += 16 + Int(FileWatcher.word(room, at + 12))
            }
        }
        for (folder, about) in folders where about.isUnderWay { folders[folder]?.told.formUnion(told) }
        note(told)
    }

    private func note(_ told: Set<Int32>) {
        fired.formUnion(told)
        if !fired.isEmpty { restFirst() }
    }

    private func restFirst() {
        if rest?.isActive == false { rest?.start(afterMs: DaemonLimits.filesRestMs) }
    }

    private static func word(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
    }

    private func restIsOver() {
        let all = fired.contains(-1)  // more happened than the system keeps
        for (path, file) in files where all || !file.watches.isDisjoint(with: fired) { wait(for: path) }
        fired = []
        lookAtSome()
    }

    // -- looks

    private func wait(for path: String) {
        let folder = FileLook.folder(path)
        if folders[folder] == nil { folders[folder] = Folder(sinceNs: nowNs()) }
        if folders[folder]?.waiting.isEmpty == true { turns.append(folder) }
        folders[folder]?.waiting.insert(path)
        bePatient()
    }

    private func lookAtSome() {
        while folders.values.count(where: \.isUnderWay) < DaemonLimits.foldersAtOnce,
            let next = turns.firstIndex(where: { folders[$0]?.isUnderWay != true }) {
            let folder = turns.remove(at: next)
            let waiting = (folders[folder]?.waiting ?? []).filter { files[$0] != nil }.sorted()
            folders[folder]?.waiting = []
            guard !waiting.isEmpty else {
                answered(folder)
                continue
            }
            for path in waiting.dropFirst(DaemonLimits.filesPerTurn) { wait(for: path) }
            do throws(SystemError) { try look(folder, Array(waiting.prefix(DaemonLimits.filesPerTurn))) } catch {
                for path in waiting { wait(for: path) }
                return restFirst()  // no thread now
            }
        }
    }

    private func look(_ folder: String, _ paths: [String]) throws(SystemError) {
        let (looks, take, inotify) = (Looks(), take, inotify)
        try BackgroundWork.start(loop: loop) {
            looks.results = paths.map { ($0, take($0, inotify.fd)) }
        } onDone: { [weak self] in
            self?.looked(folder, looks.results)
        }
        folders[folder]?.isUnderWay = true
        folders[folder]?.told = []
    }

    private func looked(_ folder: String, _ results: [(path: String, look: FileLook)]) {
        let told = folders[folder]?.told ?? []
        folders[folder]?.isUnderWay = false
        guard !isClosed else { return }
        answered(folder)
        for (path, look) in results { apply(look, to: path) }
        guard !isClosed else { return }
        note(told)  // it may have come before its watch was known
        endUnused()
        lookAtSome()
        if isIdle { onIdle() }
    }

    private func apply(_ look: FileLook, to path: String) {
        guard var file = files[path] else {
            unused.formUnion(look.watches.filter { users[$0] == nil })
            return
        }
        for each in look.watches.subtracting(file.watches) { users[each, default: 0] += 1 }
        unwatch(file.watches.subtracting(look.watches))
        let before = file.state
        file.watches = look.watches
        file.state = look.state
        files[path] = file
        if before == nil {
            // Of one that failed nothing is left: whoever adds it again has it looked at again.
            if look.folderError != nil { files[path]?.state = nil }
            isSeen(path, look.folderError)
        } else if before != look.state {
            tell(.changed(path: path, exists: look.state.exists))
        }
    }
}
