// What happens to a file while it is saved: somebody else's change before each of the save's system calls.
import Glibc
import SexpCore
import Testing
import Wire

@testable import bindd

@Suite struct AtomicFileTests {
    private static let old = Array("old".utf8)
    private static let new = Array("the new one".utf8)
    private static let others = Array("of somebody else".utf8)

    /// A folder of its own for `body`, gone afterwards; nothing of ours may be left in it but the file `a`.
    private func inFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/bindd-atomic-XXXXXX".utf8CString)
        let folder = String(cString: try #require(mkdtemp(&template)))
        defer {
            unlink(folder + "/a")
            // A folder that is not empty stays, and rmdir says so.
            #expect(rmdir(folder) == 0, "\(folder) has something left in it")
        }
        try body(folder)
    }

    private func write(_ bytes: [UInt8], _ path: String) throws {
        // As editors do: another file under the same name.
        let file = try #require(fopen(path + ".other", "w"))
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
        fclose(file)
        #expect(rename(path + ".other", path) == 0)
    }

    private func read(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes[..<count])
    }

    private func facts(_ path: String, _ bytes: [UInt8]) throws -> FileFacts {
        var facts = stat()
        #expect(stat(path, &facts) == 0)
        return FileFacts(
            size: UInt64(bytes.count), mtimeNs: Int64(facts.st_mtim.tv_sec) * 1_000_000_000 + Int64(facts.st_mtim.tv_nsec),
            hash: ContentHash.of(bytes))
    }

    /// Only between the last look and the rename that follows it can another one's change be lost.
    @Test(arguments: [true, false]) func aChangeBeforeEachCall(isThere: Bool) throws {
        var calls = 0
        for step in 1..<100 {
            var isDone = false
            try inFolder { folder in
                let path = folder + "/a"
                if isThere { try write(Self.old, path) }
                let expectation: AtomicFile.Expectation = isThere ? .file(try facts(path, Self.old)) : .nothing
                var count = 0
                var name = ""
                let file = try AtomicFile(path: path) { call in
                    count += 1
                    if count == step {
                        name = call
                        try? write(Self.others, path)
                    }
                }
                let isSaved = (try? file.replace(with: Self.new, mode: 0o644, expecting: expectation)) != nil
                if name.isEmpty {
                    isDone = true
                    #expect(isSaved && read(path) == Self.new)
                } else if name == "rename" {
                    #expect(isSaved && read(path) == Self.new)
                } else {
                    #expect(read(path) == Self.others, "step \(step), \(name)")
                }
            }
            if isDone { break }
            calls = step
        }
        #expect(calls >= 10)
    }

    /// A failing save leaves the old file and nothing else.
    @Test func aSaveThatFails() throws {
        try inFolder { folder in
            let path = folder + "/a"
            try write(Self.old, path)
            let file = try AtomicFile(path: path) { call in
                // The temporary file disappears: the rename fails.
                if call == "rename" { for attempt in 0..<3 { unlink("\(folder)/.bindd-\(getpid())-\(attempt).tmp") } }
            }
            let error = #expect(throws: RemoteError.self) {
                try file.replace(with: Self.new, mode: 0o644, expecting: .anything)
            }
            #expect(error?.message.contains("cannot rename") == true)
            #expect(read(path) == Self.old)
        }
    }

    @Test func aSaveIsKnownWhenItIsSeenAgain() throws {
        try inFolder { folder in
            let path = folder + "/a"
            try write(Self.old, path)
            let known = try facts(path, Self.old)
            let file = try AtomicFile(path: path)
            let saved = try file.replace(with: Self.new, mode: 0o644, expecting: .file(known))
            #expect(try saved == facts(path, Self.new))
            // Whoever did not hear of it may save the same again, and nothing else.
            _ = try file.replace(with: Self.new, mode: 0o644, expecting: .file(known))
            #expect(throws: RemoteError.self) { try file.replace(with: Self.old, mode: 0o644, expecting: .file(known)) }
        }
    }

    /// On a file system without modes a save works, unless the file would be open to more than before.
    @Test(arguments: [
        (EPERM, 0o644, true), (ENOTSUP, 0o600, true), (ENOSYS, 0o644, true), (EPERM, 0o400, false), (EIO, 0o644, false),
    ])
    func modesThatCannotBeSet(number: Int32, mode: mode_t, isSaved: Bool) throws {
        try inFolder { folder in
            let path = folder + "/a"
            try write(Self.old, path)
            chmod(path, mode)
            let file = try AtomicFile(path: path, setMode: { _, _ in
                errno = number
                return -1
            })
            if isSaved {
                _ = try file.replace(with: Self.new, mode: 0o644, expecting: .anything)
            } else {
                let error = #expect(throws: RemoteError.self) {
                    try file.replace(with: Self.new, mode: 0o644, expecting: .anything)
                }
                #expect(error?.message.contains("cannot set the mode of") == true)
            }
            #expect(read(path) == (isSaved ? Self.new : Self.old))
        }
    }

    /// A target whose name is no UTF-8 is not saved under another name, whether it exists or not.
    @Test(arguments: [true, false]) func linksToOtherBytes(isThere: Bool) throws {
        try inFolder { folder in
            let target = Array(folder.utf8CString.dropLast()) + [0x2F, 0x62, -1, 0]
            if isThere {
                let file = target.withUnsafeBufferPointer { open($0.baseAddress!, O_WRONLY | O_CREAT, 0o600) }
                try #require(file >= 0)
                close(file)
            }
            #expect(target.withUnsafeBufferPointer { symlink($0.baseAddress!, folder + "/a") } == 0)
            let file = try AtomicFile(path: folder + "/a")
            let error = #expect(throws: RemoteError.self) {
                try file.replace(with: Self.new, mode: 0o644, expecting: .anything)
            }
            #expect(error?.message.contains("not UTF-8") == true)
            #expect(target.withUnsafeBufferPointer { unlink($0.baseAddress!) } == (isThere ? 0 : -1))
        }
    }

    /// Whoever takes a new temporary file for stale before it is locked takes nothing of the save.
    @Test func aTemporaryFileThatIsTakenAway() throws {
        try inFolder { folder in
            let path = folder + "/a"
            try write(Self.old, path)
            var locks = 0
            let file = try AtomicFile(path: path) { call in
                guard call == "flock" else { return }
                locks += 1
                if locks == 1 { #expect(unlink("\(folder)/.bindd-\(getpid())-0.tmp") == 0) }
            }
            _ = try file.replace(with: Self.new, mode: 0o644, expecting: .anything)
            #expect(locks == 2 && read(path) == Self.new)
        }
    }

    /// A stale file's name that stands for another file by the time of the lock is left alone.
    @Test func aStaleFileThatIsReplaced() throws {
        try inFolder { folder in
            let path = folder + "/a"
            let stale = folder + "/.bindd-2147483646-0.tmp"
            try write(Self.old, stale)
            var locks = 0
            let file = try AtomicFile(path: path) { call in
                guard call == "flock" else { return }
                locks += 1
                if locks == 1 { try? write(Self.others, stale) }
            }
            _ = try file.replace(with: Self.new, mode: 0o644, expecting: .anything)
            #expect(locks == 2 && read(path) == Self.new && read(stale) == Self.others)
            _ = try AtomicFile(path: path).replace(with: Self.old, mode: 0o644, expecting: .anything)
            #expect(read(stale) == nil && read(path) == Self.old)
        }
    }
}
