// A file that is replaced whole, or not at all.
//
// For: saving: a temporary file beside the target, written and synced, then renamed over it, then the folder synced. A
// symbolic link keeps pointing where it points, also where that is to be made. Mode, owner, group, access list and the user's
// extended attributes stay those of the file that was there, where the system lets them. Must not: leave its temporary file behind when it fails; be taken for a lock
// against others: who opened the old file before and writes into it afterwards writes into nothing. Cost: two syncs, and one
// look at the folder's names.

import CShim
import Glibc
import SexpCore
import Wire

/// What tells a file's content from another one's.
struct FileFacts: Equatable {
    let size: UInt64
    let mtimeNs: Int64
    let hash: UInt64
}

struct AtomicFile {
    enum Expectation: Equatable {
        case anything
        case nothing
        /// The file with this content; the time alone may differ.
        case file(FileFacts)
    }

    /// Symbolic links followed one after the other; the kernel has the same limit.
    private static let linksMax = 40
    /// Names of a folder that are looked at for what a killed save left.
    private static let namesMax = 20_000
    /// Of the names of a file's extended attributes, and of the value of one: Linux has no more.
    private static let attributeBytesMax = 65_536

    private let path: String
    /// Called before each system call that changes something or could see a change, with its name. For tests.
    private let probe: (String) -> Void

    /// fchmod; another one in tests.
    private let setMode: (Int32, mode_t) -> Int32

    init(
        path: String, probe: @escaping (String) -> Void = { _ in },
        setMode: @escaping (Int32, mode_t) -> Int32 = { fchmod($0, $1) }
    ) throws {
        guard path.hasPrefix("/"), !path.utf8.contains(0) else { throw RemoteError("ValueError", "\(path) is no absolute path") }
        self.path = path
        self.probe = probe
        self.setMode = setMode
    }

    /// `mode`: of a file that was not there.
    func replace(with bytes: [UInt8], mode: UInt32, expecting: Expectation) throws -> FileFacts {
        let target = try resolved()
        let present = try status(target)
        try compare(present, target, bytes, expecting)
        let folder = String(target[..<(target.lastIndex(of: "/") ?? target.startIndex)]) + "/"
        removeStale(in: folder)
        let (name, file) = try create(in: folder)
        defer { close(file) }
        do {
            try put(bytes, file, name)
            try give(file, name, like: present, mode: mode)
            if present != nil { try copyAttributes(of: target, to: file, name) }
            probe("fsync")
            guard fsync(file) == 0 else { throw failure("write", name) }
            // Writing took its time: what was there then must be there now.
            let now = try status(target)
            if !Self.isSame(now, present) { try compare(now, target, bytes, expecting) }
            try move(name, to: target, bytes, now, expecting)
        } catch {
            unlink(name)
            throw error
        }
        sync(folder)
        var written = stat()
        guard fstat(file, &written) == 0 else { throw failure("look at", target) }
        return FileFacts(
            size: UInt64(bytes.count), mtimeNs: Self.nanoseconds(written.st_mtim), hash: ContentHash.of(bytes))
    }

    // MARK: - before

    /// The path with symbolic links followed, to where the last one points even if there is nothing.
    private func resolved() throws -> String {
        probe("realpath")
        if let real = realpath(path, nil) {
            defer { free(real) }
            return try text(UnsafeBufferPointer(start: real, count: strlen(real)))
        }
        guard errno == ENOENT else { throw failure("look at", path) }
        var target = path
        for _ in 0..<Self.linksMax {
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
            let count = readlink(target, &buffer, buffer.count)
            if count < 0 {
                if errno == EINVAL || errno == ENOENT { return target }
                throw failure("look at", target)
            }
            let next = try buffer.withUnsafeBufferPointer { try text(UnsafeBufferPointer(rebasing: $0[..<count])) }
            target = next.hasPrefix("/") ? next : target[...(target.lastIndex(of: "/") ?? target.startIndex)] + next
        }
        errno = ELOOP
        throw failure("look at", path)
    }

    /// Where a link points. A name of other bytes than UTF-8 would be repaired to another name.
    private func text(_ name: UnsafeBufferPointer<CChar>) throws -> String {
        guard let text = String(validating: name, as: UTF8.self) else {
            let repaired = String(decoding: name.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw RemoteError(
                "OSError", "\(path) is a link to \(repaired), a name that is not UTF-8",
                hint: "save to a path whose names are UTF-8", fields: [Attribute(key: "errno", value: .int(Int64(EILSEQ)))])
        }
        return text
    }

    private func status(_ path: String) throws -> stat? {
        probe("stat")
        var facts = stat()
        if stat(path, &facts) == 0 {
            guard facts.st_mode & S_IFMT == S_IFREG else { throw RemoteError("OSError", "\(path) is no regular file") }
            return facts
        }
        if errno == ENOENT { return nil }
        throw failure("look at", path)
    }

    private static func isSame(_ one: stat?, _ other: stat?) -> Bool {
        guard let one, let other else { return one == nil && other == nil }
        return one.st_ino == other.st_ino && one.st_dev == other.st_dev && one.st_size == other.st_size
            && nanoseconds(one.st_mtim) == nanoseconds(other.st_mtim) && nanoseconds(one.st_ctim) == nanoseconds(other.st_ctim)
    }

    private static func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec) }

    /// Temporary files of workers that were killed. A living one, here or where its process number means another process,
    /// holds a lock on its own.
    private func removeStale(in folder: String) {
        guard let names = opendir(folder) else { return }
        defer { closedir(names) }
        for _ in 0..<Self.namesMax {
            guard let entry = readdir(names) else { return }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            let parts = name.split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 3, parts[0] == ".bindd", parts[2].hasSuffix(".tmp"), let pid = pid_t(parts[1]), pid > 0,
                kill(pid, 0) != 0, errno == ESRCH
            else { continue }
            let file = open(folder + name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            if file < 0 { continue }
            var facts = stat()
            if fstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_uid == geteuid(),
                lock(file), isStill(file, folder + name)
            {
                probe("unlink")
                unlink(folder + name)
            }
            close(file)
        }
    }

    private func compare(_ present: stat?, _ path: String, _ bytes: [UInt8], _ expecting: Expectation) throws {
        let hint = "load it again, or save with force=True to replace it"
        switch expecting {
        case .anything: return
        case .nothing:
            if present != nil { throw RemoteError("FileChanged", "\(path) exists already", hint: hint) }
        case .file(let known):
            guard let present else { return }  // nothing is lost
            if UInt64(present.st_size) == known.size, Self.nanoseconds(present.st_mtim) == known.mtimeNs { return }
            // A worker that died in a save may have done it.
            let isOfASize = UInt64(present.st_size) == known.size || present.st_size == bytes.count
            let hash = isOfASize ? ContentHash.of(try read(path)) : 0
            if UInt64(present.st_size) == known.size, hash == known.hash { return }
            if present.st_size == bytes.count, hash == ContentHash.of(bytes) { return }
            throw RemoteError(
                "FileChanged",
                UInt64(present.st_size) == known.size
                    ? "\(path) has another content than when it was read, of the same size"
                    : "\(path) has \(present.st_size) bytes now, and had \(known.size) when it was read", hint: hint)
        }
    }

    private func read(_ path: String) throws -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure("open", path) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw failure("read", path) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }

    // MARK: - writing

    /// An empty file that nobody else has, with a lock that says that its writer lives.
    private func create(in folder: String) throws -> (name: String, file: Int32) {
        for attempt in 0..<100 {
            let name = "\(folder).bindd-\(getpid())-\(attempt).tmp"
            probe("open")
            let file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            if file >= 0 {
                _ = lock(file)  // without locks the number of the process must do
                // Before it was locked another worker, that sees no process of this number, may have taken it for stale.
                if isStill(file, name) { return (name, file) }
                close(file)
                continue
            }
            if errno != EEXIST { throw failure("write", folder) }
        }
        throw RemoteError("OSError", "\(folder) is full of temporary files of ours (.bindd-*.tmp): remove them")
    }

    private func lock(_ file: Int32) -> Bool {
        probe("flock")
        return flock(file, LOCK_EX | LOCK_NB) == 0
    }

    /// Is the open file the one of this name?
    private func isStill(_ file: Int32, _ name: String) -> Bool {
        var own = stat()
        var named = stat()
        return fstat(file, &own) == 0 && lstat(name, &named) == 0 && own.st_ino == named.st_ino && own.st_dev == named.st_dev
    }

    /// Owner, group and mode of the file that was there. Who may not give a file away keeps it; a group that cannot be kept gets
    /// no more than all others have.
    private func give(_ file: Int32, _ name: String, like present: stat?, mode: UInt32) throws {
        var permissions = mode & 0o777
        if let present {
            permissions = UInt32(present.st_mode) & 0o7777
            var own = stat()
            guard fstat(file, &own) == 0 else { throw failure("look at", name) }
            if own.st_uid != present.st_uid || own.st_gid != present.st_gid {
                probe("fchown")
                if fchown(file, present.st_uid, present.st_gid) != 0 {
                    permissions &= 0o1777
                    if own.st_gid != present.st_gid, fchown(file, uid_t.max, present.st_gid) != 0 {
                        permissions = permissions & ~0o070 | (permissions & 0o007) << 3
                    }
                }
            }
        }
        probe("fchmod")
        if setMode(file, mode_t(permissions)) == 0 { return }
        let number = errno
        // A file system without modes: as it is, unless that is more open than wanted.
        var own = stat()
        let isKnown = [EPERM, ENOTSUP, ENOSYS].contains(number) && fstat(file, &own) == 0
        if isKnown, UInt32(own.st_mode) & 0o7777 & ~permissions == 0 { return }
        errno = number
        throw failure("set the mode of", name)
    }

    /// Extended attributes: the user's own, and the access list, which means something only where owner and group are the same.
    /// What a file system does not have, or does not let us set, stays away.
    private func copyAttributes(of target: String, to file: Int32, _ name: String) throws {
        for attribute in extendedAttributes(of: target) {
            let isAccessList = attribute == "system.posix_acl_access"
            guard isAccessList || attribute.hasPrefix("user.") else { continue }
            if isAccessList, !isSameOwner(file, target) { continue }
            var value = [UInt8](repeating: 0, count: Self.attributeBytesMax)
            let count = getxattr(target, attribute, &value, value.count)
            guard count >= 0 else { continue }
            probe("fsetxattr")
            guard fsetxattr(file, attribute, value, count, 0) != 0 else { continue }
            if ![EPERM, EACCES, ENOTSUP].contains(errno) { throw failure("set \(attribute) of", name) }
        }
    }

    private func extendedAttributes(of target: String) -> [String] {
        var names = [CChar](repeating: 0, count: Self.attributeBytesMax)
        let count = listxattr(target, &names, names.count)
        guard count > 0 else { return [] }
        return names[..<count].split(separator: 0).compactMap { String(validating: $0, as: UTF8.self) }
    }

    private func isSameOwner(_ file: Int32, _ target: String) -> Bool {
        var own = stat()
        var other = stat()
        return fstat(file, &own) == 0 && stat(target, &other) == 0 && own.st_uid == other.st_uid && own.st_gid == other.st_gid
    }

    /// Where there was no file, another one that appears meanwhile is not replaced.
    private func move(_ name: String, to target: String, _ bytes: [UInt8], _ present: stat?, _ expecting: Expectation) throws {
        if present == nil, expecting != .anything {
            probe("link")
            if link(name, target) == 0 {
                probe("unlink")
                unlink(name)
                return
            }
            // Else a file system without such links.
            if errno == EEXIST { try compare(status(target), target, bytes, expecting) }
        }
        probe("rename")
        guard rename(name, target) == 0 else { throw failure("rename", name) }
    }

    private func put(_ bytes: [UInt8], _ file: Int32, _ name: String) throws {
        var done = 0
        while done < bytes.count {
            probe("write")
            let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress.map { $0 + done }, bytes.count - done) }
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw failure("write", name) }
            done += count
        }
    }

    /// The new name is safe once the folder is. A folder that cannot be synced is no reason to call the save failed.
    private func sync(_ folder: String) {
        let file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { return }
        probe("fsync")
        fsync(file)
        close(file)
        probe("done")
    }

    private func failure(_ what: String, _ path: String) -> RemoteError {
        let number = errno
        return RemoteError(
            "OSError", "cannot \(what) \(path): \(String(cString: strerror(number)))",
            fields: [Attribute(key: "errno", value: .int(Int64(number)))])
    }
}
