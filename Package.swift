// swift-tools-version: 6.2
// The targets, from the ground up: C at the bottom, three pure cores that know nothing of each other, bindd on top.

import PackageDescription

// Exclusive access is checked at run time in debug builds, which all tests run in; in the release build the checks would
// take a tenth of each request (docs/decisions/0005).
let swiftRules: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]
// Sources/bindd/Crash reads the line tables of the program itself: one version of the format for both languages.
let cRules: [CSetting] = [
    .enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error), .unsafeFlags(["-gdwarf-4"]),
]

let package = Package(
    name: "bindd",
    products: [.executable(name: "bindd", targets: ["bindd"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    ],
    targets: [
        // libuv-static links libuv_a.a: the binary needs no libuv.so where it runs.
        .systemLibrary(name: "CLibuv", pkgConfig: "libuv-static", providers: [.apt(["libuv1-dev"])]),
        .target(name: "CShim", cSettings: cRules),
        .target(name: "CLayout", cSettings: cRules),
        .target(name: "CCrash", dependencies: ["CLayout"], cSettings: cRules),

        .target(name: "Wire", swiftSettings: swiftRules),
        .target(name: "GraphCore", dependencies: ["CLayout"], swiftSettings: swiftRules),
        .target(name: "SexpCore", dependencies: ["CLayout"], swiftSettings: swiftRules),
        .target(name: "Journal", dependencies: ["CLayout", "CShim", "Wire"], swiftSettings: swiftRules),

        .executableTarget(
            name: "bindd",
            dependencies: [
                "CLibuv", "CShim", "CLayout", "CCrash", "Wire", "GraphCore", "SexpCore", "Journal",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftRules),

        .testTarget(name: "WireTests", dependencies: ["Wire"], swiftSettings: swiftRules),
        .testTarget(name: "GraphCoreTests", dependencies: ["GraphCore", "CLayout"], swiftSettings: swiftRules),
        .testTarget(name: "SexpCoreTests", dependencies: ["SexpCore", "CLayout"], swiftSettings: swiftRules),
        .testTarget(
            name: "BinddTests", dependencies: ["bindd", "CShim", "CCrash", "CLayout", "Wire", "GraphCore", "Journal"],
            swiftSettings: swiftRules),
    ],
    swiftLanguageModes: [.v6]
)
