// Every maximum of the protocol, each with its reason. Generated into the C header from `bindd describe`.
// Must not hold anything that is not a limit. Cost: none, constants.

public enum Limits {
    /// One frame's payload. Small enough that a reader's buffer stays small, large enough that a board needs few frames.
    public static let frameBytesMax = 1 << 20
    /// One message, all frames together. A 1 GiB text must pass; more is refused with an error that names this limit.
    public static let messageBytesMax = 4 << 30
    /// The hello is read by the supervisor before it knows its peer.
    public static let helloBytesMax = 8 << 10
    /// A control request or answer is text about the daemon, never user data.
    public static let controlBytesMax = 64 << 20
    /// Names that a client sends in its hello, and those of shared views.
    public static let nameBytesMax = 255
    /// A workspace's name: it stands in tables and in process titles.
    public static let workspaceNameBytesMax = 64
    /// Ids handed to a client at once: 100,000 creations must need few round trips.
    public static let leaseIdsMax = 1 << 16
    /// Ids in a client's first lease, and those that a worker adds when what it makes has used the lease up.
    public static let leaseIdsStep = 4096
    /// Clients of one supervisor: each costs two descriptors.
    public static let clientsMax = 1024
    /// A reader that does not read: bytes queued for it before the worker stops reading its requests.
    public static let unsentBytesMax = 64 << 20
    /// Items of one list in a payload; each item takes at least four bytes of it.
    public static let listItemsMax = 1 << 30
    /// Views with a name of their own in a workspace: they are looked through when one ends.
    public static let sharedViewsMax = 4096

    /// Name and value of each limit, for the description.
    public static let table: [(name: String, value: UInt64)] = [
        ("frameBytesMax", UInt64(frameBytesMax)),
        ("messageBytesMax", UInt64(messageBytesMax)),
        ("helloBytesMax", UInt64(helloBytesMax)),
        ("controlBytesMax", UInt64(controlBytesMax)),
        ("nameBytesMax", UInt64(nameBytesMax)),
        ("workspaceNameBytesMax", UInt64(workspaceNameBytesMax)),
        ("leaseIdsMax", UInt64(leaseIdsMax)),
        ("leaseIdsStep", UInt64(leaseIdsStep)),
        ("clientsMax", UInt64(clientsMax)),
        ("unsentBytesMax", UInt64(unsentBytesMax)),
        ("listItemsMax", UInt64(listItemsMax)),
        ("sharedViewsMax", UInt64(sharedViewsMax)),
    ]
}
