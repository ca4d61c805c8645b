// One run of the path finder; see PathFinder.swift for why it may do less than the rules say. Must not outlive the call:
// it uses marks in the shared facts.

import CLayout

struct PathSearch {
    struct Step {
        let previous: Int32
        let edge: UInt32
        let node: Int32
        let length: Int32
        /// The last step up that was not yet followed by its step down, -1: none.
        let climb: Int32
        /// A shallow edge lies on the way.
        let isShallow: Bool
    }

    /// What is remembered: by which type and name the search came up, and the level below. Level 0 is the source's.
    private struct Level {
        let below: Int32
        let type: UInt32
        let name: UInt32
        var todo: Int32 = -1  // place in `todo`, -1: nothing to do
    }

    private struct LevelKey: Hashable {
        let below: Int32
        let type: UInt32
        let name: UInt32
    }

    private struct Todo {
        let level: Int32
        var steps: [Int32]
    }

    /// From this depth on, whenever it has doubled, the climbs are looked through for one that comes twice.
    private static let climbsUnchecked = 64

    private let facts: InterfaceFacts
    private let source: BoundNode
    private let view: GraphStore.ViewRecord
    private var patience: Patience
    private var steps: [Step] = []
    private var levels: [Level] = [Level(below: -1, type: 0, name: 0)]
    private var levelDepths: [Int] = [0]
    private var levelIndexes: [LevelKey: Int32] = [:]
    private var lastLevel: Int32 = 0
    private var todo: [Todo] = []
    private var seen = LevelMarks()
    /// On level 0: ends in order, each with its step.
    private var ends: [(node: Int32, step: Int32)] = []
    /// On level 0: the paths that led into each connected part, in the order in which they were taken.
    private var seeds: [[Int32]] = []

    init(facts: InterfaceFacts, source: BoundNode, view: GraphStore.ViewRecord, _ patience: Patience) {
        self.facts = facts
        self.source = source
        self.view = view
        self.patience = patience
        facts.startSearch()
    }

    // MARK: results

    mutating func paths() -> ConnectedPaths {
        var used = [Int32](repeating: -1, count: steps.count)
        for end in ends {
            var at = Int(end.step)
            while at >= 0, used[at] < 0 {
                used[at] = 0
                at = Int(steps[at].previous)
            }
        }
        var kept: [PathStep] = []
        for (index, step) in steps.enumerated() where used[index] >= 0 {
            used[index] = Int32(kept.count)
            kept.append(
                PathStep(
                    previous: step.previous < 0 ? -1 : used[Int(step.previous)], edge: step.edge,
                    node: facts.facts[Int(step.node)].node, length: UInt32(step.length)))
        }
        return ConnectedPaths(
            source: source, steps: kept,
            ends: ends.map { (facts.facts[Int($0.node)].node, used[Int($0.step)]) })
    }

    func edges(to target: UInt32) -> [UInt32] {
        guard let end = ends.first(where: { facts.facts[Int($0.node)].node == target }) else { return [] }
        var result: [UInt32] = []
        var at = Int(end.step)
        while steps[at].previous >= 0 {
            result.append(steps[at].edge)
            at = Int(steps[at].previous)
        }
        return result.reversed()
    }

    // MARK: the run

    mutating func run(_ graph: borrowing GraphStore) throws(GraphError) {
        let start = facts.index(of: source.node)
        steps.append(Step(previous: -1, edge: 0, node: start, length: 0, climb: -1, isShallow: false))
        add(step: 0, level: 0)
        var queue: [Int32] = []
        while var entry = todo.popLast() {
            levels[Int(entry.level)].todo = -1
            while let step = entry.steps.popLast() {
                try patience.step()
                guard try explore(step, entry.level, graph, &queue) else { continue }
                if entry.level > 0 { try descend(queue, entry.level, graph) }
                try climb(queue, entry.level, graph)
            }
        }
        for part in seeds where part.count > 1 { try shorten(part, graph) }
    }

    /// A path into `todo` and among the seen ones of its level, on which its end is new.
    private mutating func add(step: Int32, level: Int32) {
        if level == 0 {
            setEnd(step)
        } else {
            seen.mark(level, steps[Int(step)].node, LevelMarks.seen)
        }
        let place = levels[Int(level)].todo
        if place >= 0 {
            todo[Int(place)].steps.append(step)
        } else {
            levels[Int(level)].todo = Int32(todo.count)
            todo.append(Todo(level: level, steps: [step]))
        }
    }

    /// On level 0: the step's end gets its path, unless it has one that is no longer.
    private mutating func setEnd(_ step: Int32) {
        let node = Int(steps[Int(step)].node)
        facts.touch(node)
        let known = facts.results[node]
        if known < 0 {
            facts.results[node] = Int32(ends.count)
            ends.append((Int32(node), step))
        } else if steps[Int(step)].length < steps[Int(ends[Int(known)].step)].length {
            ends[Int(known)].step = step
        }
    }

    private func isSeen(_ level: Int32, _ node: Int32) -> Bool {
        guard level == 0 else { return seen.has(level, node, LevelMarks.seen) }
        return facts.stamps[Int(node)] == facts.stamp && facts.results[Int(node)] >= 0
    }

    private func fact(_ node: Int32, _ graph: borrowing GraphStore) -> InterfaceFacts.Fact {
        if !facts.facts[Int(node)].isKnown { facts.read(Int(node), graph, source.view, view) }
        return facts.facts[Int(node)]
    }

    // MARK: along connections

    /// All that a path reaches on its level: `queue` becomes the steps to eligible ends. False when there is nothing new.
    private mutating func explore(
        _ first: Int32, _ level: Int32, _ graph: borrowing GraphStore, _ queue: inout [Int32]
    ) throws(GraphError) -> Bool {
        let start = steps[Int(first)].node
        if level == 0 {
            facts.touch(Int(start))
            let part = facts.components[Int(start)]
            if part >= 0 {
                seeds[Int(part)].append(first)
                return false
            }
            facts.components[Int(start)] = Int32(seeds.count)
            seeds.append([first])
        } else {
            guard !steps[Int(first)].isShallow, seen.mark(level, start, LevelMarks.explored) else { return false }
        }
        queue.removeAll(keepingCapacity: true)
        queue.append(first)
        let part = Int32(seeds.count - 1)
        var kept = 0
        var next = 0
        while next < queue.count {
            let at = queue[next]
            next += 1
            let step = steps[Int(at)]
            let fact = fact(step.node, graph)
            try patience.step(1 + Int(fact.neighbourCount))
            for place in Int(fact.firstNeighbour)..<Int(fact.firstNeighbour + fact.neighbourCount) {
                let neighbour = facts.neighbours[place]
                if level == 0 {
                    facts.touch(Int(neighbour.index))
                    guard facts.components[Int(neighbour.index)] < 0 else { continue }
                    facts.components[Int(neighbour.index)] = part
                } else {
                    guard !neighbour.isShallow, seen.mark(level, neighbour.index, LevelMarks.explored) else { continue }
                }
                queue.append(Int32(steps.count))
                steps.append(
                    Step(
                        previous: at, edge: neighbour.edge, node: neighbour.index, length: step.length + 1,
                        climb: step.climb, isShallow: step.isShallow || neighbour.isShallow))
            }
            guard fact.isEligible else { continue }
            if level == 0 { setEnd(at) } else { seen.mark(level, step.node, LevelMarks.seen) }
            // The queue's read part holds what is kept.
            queue[kept] = at
            kept += 1
        }
        queue.removeLast(queue.count - kept)
        return true
    }

    // MARK: down and up

    private mutating func descend(
        _ found: [Int32], _ level: Int32, _ graph: borrowing GraphStore
    ) throws(GraphError) {
        let name = levels[Int(level)].name
        let below = levels[Int(level)].below
        let text = name == 0 ? graph.strings.find("") : name
        guard text != 0 else { return }
        let nameKey = graph.strings.find("name")
        for at in found {
            try patience.step(4)
            let step = steps[Int(at)]
            let node = facts.facts[Int(step.node)].node
            guard let edge = graph.childEdge(source.view, view, node, pooled: text, nameKey: nameKey) else { continue }
            let child = facts.index(of: edge.target)
            guard !isSeen(below, child) else { continue }
            let parentEdge = fact(child, graph).parentEdge
            let climb = step.climb < 0 ? -1 : steps[Int(steps[Int(step.climb)].previous)].climb
            steps.append(
                Step(
                    previous: at, edge: parentEdge, node: child, length: step.length + 1, climb: climb,
                    isShallow: step.isShallow))
            add(step: Int32(steps.count - 1), level: below)
        }
    }

    private mutating func climb(
        _ found: [Int32], _ level: Int32, _ graph: borrowing GraphStore
    ) throws(GraphError) {
        for at in found {
            try patience.step()
            let step = steps[Int(at)]
            let fact = fact(step.node, graph)
            guard fact.parent >= 0 else { continue }
            let parent = self.fact(fact.parent, graph)
            guard parent.type != 0 else {
                throw GraphError(.invalidValue, "node \(parent.node), parent of node \(fact.node), has no type")
            }
            // Nothing is found from there.
            if !parent.isEligible, parent.neighbourCount == 0 { continue }
            let above = self.level(over: level, parent.type, fact.parentName)
            guard !isSeen(above, fact.parent) else { continue }
            let depth = levelDepths[Int(above)]
            if depth >= PathSearch.climbsUnchecked, depth.nonzeroBitCount == 1, !step.isShallow {
                try checkClimbs(from: step, fact.parentEdge)
            }
            let new = Int32(steps.count)
            steps.append(
                Step(
                    previous: at, edge: fact.parentEdge, node: fact.parent, length: step.length + 1, climb: new,
                    isShallow: step.isShallow))
            add(step: new, level: above)
        }
    }

    private mutating func level(over below: Int32, _ type: UInt32, _ name: UInt32) -> Int32 {
        // Neighbours are mostly alike: children of one name of parents of one type.
        if lastLevel > 0 {
            let last = levels[Int(lastLevel)]
            if last.below == below, last.type == type, last.name == name { return lastLevel }
        }
        let key = LevelKey(below: below, type: type, name: name)
        if let known = levelIndexes[key] {
            lastLevel = known
            return known
        }
        let new = Int32(levels.count)
        levels.append(Level(below: below, type: type, name: name))
        levelDepths.append(levelDepths[Int(below)] + 1)
        levelIndexes[key] = new
        lastLevel = new
        return new
    }

    /// Going up the same edge twice, without going down in between, would go on for ever.
    private func checkClimbs(from step: Step, _ edge: UInt32) throws(GraphError) {
        var edges = [edge]
        var at = step.climb
        while at >= 0 {
            edges.append(steps[Int(at)].edge)
            at = steps[Int(steps[Int(at)].previous)].climb
        }
        edges.sort()
        for index in edges.indices.dropFirst() where edges[index] == edges[index - 1] {
            throw GraphError(.invalidValue, "composition cycle: edge \(edges[index]) leads up to itself")
        }
    }

    // MARK: several ways into one part

    /// Where several paths led into one part of level 0, an end keeps the shortest, of equals that of the path taken first.
    /// One search from all of them: what wins at an end won at every node before it.
    private mutating func shorten(_ part: [Int32], _ graph: borrowing GraphStore) throws(GraphError) {
        facts.startClaims()
        let pending = part.enumerated().sorted {
            (steps[Int($0.element)].length, $0.offset) < (steps[Int($1.element)].length, $1.offset)
        }
        var nextSeed = 0
        var frontier: [(step: Int32, order: Int)] = []
        var length = steps[Int(pending[0].element)].length
        while nextSeed < pending.count || !frontier.isEmpty {
            // Both lists are sorted by order; seeds of this length are merged into the frontier.
            var merged: [(step: Int32, order: Int)] = []
            var at = 0
            func take(_ candidate: (step: Int32, order: Int)) {
                let node = Int(steps[Int(candidate.step)].node)
                guard facts.claims[node] != facts.claim else { return }
                facts.claims[node] = facts.claim
                merged.append(candidate)
            }
            while nextSeed < pending.count, steps[Int(pending[nextSeed].element)].length == length {
                let seed = (step: pending[nextSeed].element, order: pending[nextSeed].offset)
                while at < frontier.count, frontier[at].order < seed.order {
                    take(frontier[at])
                    at += 1
                }
                take(seed)
                nextSeed += 1
            }
            while at < frontier.count {
                take(frontier[at])
                at += 1
            }
            frontier.removeAll(keepingCapacity: true)
            for candidate in merged {
                let step = steps[Int(candidate.step)]
                let fact = fact(step.node, graph)
                try patience.step(1 + Int(fact.neighbourCount))
                if fact.isEligible { setEnd(candidate.step) }
                for place in Int(fact.firstNeighbour)..<Int(fact.firstNeighbour + fact.neighbourCount) {
                    let neighbour = facts.neighbours[place]
                    guard facts.claims[Int(neighbour.index)] != facts.claim else { continue }
                    frontier.append((Int32(steps.count), candidate.order))
                    steps.append(
                        Step(
                            previous: candidate.step, edge: neighbour.edge, node: neighbour.index,
                            length: step.length + 1, climb: step.climb,
                            isShallow: step.isShallow || neighbour.isShallow))
                }
            }
            if frontier.isEmpty, nextSeed < pending.count {
                length = steps[Int(pending[nextSeed].element)].length
            } else {
                length += 1
            }
        }
    }
}
