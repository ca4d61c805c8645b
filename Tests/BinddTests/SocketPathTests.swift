// Where the socket is, and which folders are refused.

import Glibc
import Testing

@testable import bindd

@Suite struct SocketPathTests {
    private func path(option: String? = nil, _ variables: [String: String] = [:]) throws -> SocketPath {
        try SocketPath(option: option, name: "bindd-1-01234567.sock", uid: 1000, currentFolder: "/home/me") {
            variables[$0]
        }
    }

    @Test func precedence() throws {
        let all = ["BINDD_SOCKET": "/s/b.sock", "XDG_RUNTIME_DIR": "/run/user/1000"]
        #expect(try path(option: "/o/o.sock", all).socket == "/o/o.sock")
        #expect(try path(all).socket == "/s/b.sock")
        #expect(try path(["XDG_RUNTIME_DIR": "/run/user/1000/"]).socket == "/run/user/1000/bindd/bindd-1-01234567.sock")
        #expect(try path(["XDG_RUNTIME_DIR": "relative"]).socket == "/tmp/bindd-1000/bindd-1-01234567.sock")
        #expect(try path(["BINDD_SOCKET": "", "XDG_RUNTIME_DIR": ""]).folder == "/tmp/bindd-1000")
        #expect(try path(option: "run/b.sock").socket == "/home/me/run/b.sock")
    }

    @Test func companionsStandBesideTheSocket() throws {
        let place = try path(option: "/o//o.sock")
        #expect(place.folder == "/o")
        #expect(place.lock == "/o//o.sock.lock")
        #expect(place.temporary(pid: 12) == "/o/.12")
    }

    @Test func identityIsInTheName() {
        #expect(testIdentity().socketName == "bindd-1-01234567-00c0ffee.sock")
    }

    @Test func longPathsAreRefusedWithAHint() throws {
        let longest = "/" + String(repeating: "d", count: 90) + "/12345678"
        #expect(longest.utf8.count == 100)
        #expect(try path(option: longest).temporary(pid: 4_194_304).utf8.count <= 107)
        let error = #expect(throws: SocketPathError.self) { try path(option: longest + "9") }
        #expect(error?.message.contains("101 bytes, the limit is 100") == true)
        #expect(error?.hint.contains("BINDD_SOCKET") == true)
    }

    @Test(arguments: ["/tmp/", "/", "/tmp/a\nb"]) func noSocketNames(_ text: String) {
        #expect(throws: SocketPathError.self) { try path(option: text) }
    }

    @Test func folderIsMadePrivate() throws {
        try withFolder { root in
            let place = try path(option: "\(root)/new/b.sock")
            #expect(try place.checkFolder(uid: getuid()) == .absent)
            try place.prepareFolder(uid: getuid())
            var status = stat()
            #expect(lstat("\(root)/new", &status) == 0)
            #expect(status.st_mode & 0o7777 == 0o700)
            #expect(try place.checkFolder(uid: getuid()) == .safe)
            try place.prepareFolder(uid: getuid())
        }
    }

    @Test func missingParentSaysSo() throws {
        try withFolder { root in
            let error = #expect(throws: SocketPathError.self) {
                try path(option: "\(root)/no/such/b.sock").prepareFolder(uid: getuid())
            }
            #expect(error?.message.contains("No such file") == true)
        }
    }

    @Test func unsafeFoldersAreRefusedWithTheReason() throws {
        try withFolder { root throws in
            func reason(_ folder: String, uid: UInt32 = getuid()) throws -> String {
                let place = try path(option: "\(root)/\(folder)/b.sock")
                let checked = #expect(throws: SocketPathError.self) { try place.checkFolder(uid: uid) }
                #expect(throws: SocketPathError.self) { try place.prepareFolder(uid: uid) }
                return checked?.message ?? ""
            }
            mkdir("\(root)/good", 0o700)
            symlink("\(root)/good", "\(root)/link")
            #expect(try reason("link").hasSuffix("it is a symbolic link"))
            close(open("\(root)/file", O_CREAT | O_WRONLY, 0o600))
            #expect(try reason("file").hasSuffix("it is not a folder"))
            #expect(try reason("good", uid: getuid() + 1).contains("it belongs to uid \(getuid())"))
            for mode: mode_t in [0o770, 0o707, 0o750, 0o701, 0o1777] {
                chmod("\(root)/good", mode)
                #expect(try reason("good").hasSuffix("its mode is 0\(String(mode, radix: 8)), others may enter"))
            }
        }
    }

    /// `link/` names the link's target for lstat; the folder must be looked at without the slash.
    @Test func slashAfterALinkHidesNothing() throws {
        try withFolder { root in
            mkdir("\(root)/good", 0o700)
            symlink("\(root)/good", "\(root)/link")
            let place = try path(option: "\(root)/link//b.sock")
            #expect(throws: SocketPathError.self) { try place.checkFolder(uid: getuid()) }
        }
    }

    @Test func lockIsHeldOnceAndFollowsItsName() throws {
        try withFolder { root in
            let path = "\(root)/b.lock"
            let first = try #require(try DaemonLock.take(path: path))
            #expect(try DaemonLock.take(path: path) == nil)
            #expect(DaemonLock.pid(path: path) == getpid())
            first.remove()
            // The file is gone: a new lock is a new file, whoever still holds the old one.
            let second = try #require(try DaemonLock.take(path: path))
            second.remove()
            #expect(DaemonLock.pid(path: path) == 0)
        }
    }

    @Test func lockDoesNotFollowALink() throws {
        try withFolder { root in
            symlink("\(root)/elsewhere", "\(root)/b.lock")
            #expect(throws: SystemError.self) { try DaemonLock.take(path: "\(root)/b.lock") }
        }
    }
}
