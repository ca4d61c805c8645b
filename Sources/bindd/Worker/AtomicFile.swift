// A file that is replaced whole, or not at all.
//
// For: saving: a temporary file beside the target, written and synced, then renamed over it, then the folder synced. A
// symbolic link keeps pointing where it points. Must not: leave its temporary file behind when it fails; be taken for a lock
// against others. Cost: two syncs.

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
    enum Expectation {
        case anything
        case nothing
        /// The file with this content; the time alone may differ.
        case file(FileFacts)
    }

    private let path: String

    init(path: String) throws {
        guard path.hasPrefix("/"), !path.utf8.contains(0) else { throw RemoteError("ValueError", "\(path) is no absolute path") }
        self.path = path
    }

    func replace(with bytes: [UInt8], mode: UInt32, expecting: Expectation) throws -> FileFacts {
        let target = try resolved()
        let present = try status(target)
        try compare(present, target, expecting)
        let permissions = mode != 0 ? mode & 0o7777 : present.map { UInt32($0.st_mode) & 0o7777 } ?? 0o644
        let folder = String(target[..<(target.lastIndex(of: "/") ?? target.startIndex)]) + "/"
        let temporary = try write(bytes, in: folder, permissions)
        guard rename(temporary, target) == 0 else {
            let error = failure("rename", temporary)
            unlink(temporary)
            throw error
        }
        sync(folder)
        guard let written = try status(target) else { throw RemoteError("OSError", "\(target) is gone right after it was written") }
        return FileFacts(
            size: UInt64(bytes.count), mtimeNs: Int64(written.st_mtim.tv_sec) * 1_000_000_000 + Int64(written.st_mtim.tv_nsec),
            hash: ContentHash.of(bytes))
    }

    // MARK: - before

    /// The path with symbolic links followed; the path itself when there is nothing yet.
    private func resolved() throws -> String {
        guard let real = realpath(path, nil) else {
            if errno == ENOENT { return path }
            throw failure("look at", path)
        }
        defer { free(real) }
        return String(cString: real)
    }

    private func status(_ path: String) throws -> stat? {
        var facts = stat()
        if stat(path, &facts) == 0 {
            guard facts.st_mode & S_IFMT == S_IFREG else { throw RemoteError("OSError", "\(path) is no regular file") }
            return facts
        }
        if errno == ENOENT { return nil }
        throw failure("look at", path)
    }

    private func compare(_ present: stat?, _ path: String, _ expecting: Expectation) throws {
        let hint = "load it again, or save with force=True to replace it"
        switch expecting {
        case .anything: return
        case .nothing:
            if present != nil { throw RemoteError("FileChanged", "\(path) exists already", hint: hint) }
        case .file(let known):
            guard let present else { return }  // nothing is lost
            let mtimeNs = Int64(present.st_mtim.tv_sec) * 1_000_000_000 + Int64(present.st_mtim.tv_nsec)
            if UInt64(present.st_size) == known.size {
                if mtimeNs == known.mtimeNs { return }
                if try ContentHash.of(read(path)) == known.hash { return }
                throw RemoteError(
                    "FileChanged", "\(path) has another content than when it was read, of the same size", hint: hint)
            }
            throw RemoteError(
                "FileChanged", "\(path) has \(present.st_size) bytes now, and had \(known.size) when it was read", hint: hint)
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

    private func write(_ bytes: [UInt8], in folder: String, _ permissions: UInt32) throws -> String {
        for attempt in 0..<100 {
            let name = "\(folder).bindd-\(getpid())-\(attempt).tmp"
            let file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            if file < 0 {
                if errno == EEXIST { continue }
                throw failure("write", folder)
            }
            do {
                defer { close(file) }
                try put(bytes, file, name)
                guard fchmod(file, mode_t(permissions)) == 0, fsync(file) == 0 else { throw failure("write", name) }
                return name
            } catch {
                unlink(name)
                throw error
            }
        }
        throw RemoteError("OSError", "\(folder) is full of temporary files of ours (.bindd-*.tmp): remove them")
    }

    private func put(_ bytes: [UInt8], _ file: Int32, _ name: String) throws {
        var done = 0
        while done < bytes.count {
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
        fsync(file)
        close(file)
    }

    private func failure(_ what: String, _ path: String) -> RemoteError {
        let number = errno
        return RemoteError(
            "OSError", "cannot \(what) \(path): \(String(cString: strerror(number)))",
            fields: [Attribute(key: "errno", value: .int(Int64(number)))])
    }
}
