/**
 * Every bound of the system, each with the sum that justifies it. Sizes are in bytes, spans in milliseconds.
 * docs/LIMITS.md tells operators what follows from them.
 */
import { cliLimits } from './cli-limits.ts'
import { conductLimits } from './conduct-limits.ts'
import { fetchLimits } from './fetch-limits.ts'
import { jobLimits } from './job-limits.ts'
import { storageLimits } from './storage-limits.ts'
import { syncLimits } from './sync-limits.ts'
import { day, hour, KiB, MiB, minute, second } from './units.ts'

export const limits = {
  record: {
    /** 100 admins and 20 endpoints of about 200 bytes each, and 16 signatures. */
    charterBytesMax: 64 * KiB,
    charterVersionsMax: 1000,
    inviteBytesMax: 8 * KiB,
    /** Holds its invite. */
    credentialBytesMax: 16 * KiB,
    sessionBytesMax: 2 * KiB,
    /** A node list of 512 names at 52 bytes is 27 KiB; larger fleets are targeted by selector. */
    indicationBytesMax: 64 * KiB,
    controlBytesMax: 2 * KiB,
    presenceBytesMax: 8 * KiB,
    /** Two output heads, 11 KiB for eight captured files with the longest names, and 5 KiB for all else. */
    statementBytesMax: 24 * KiB,
    /** The largest body (an indication) or 32 statements at their usual 0.6 KiB, with room to spare. */
    entryBytesMax: 128 * KiB,
    receiptsPerEntryMax: 32,
    /** Entries of a log that one signature may prove: a verification for each 16 costs a tenth of merging them. */
    spanEntries: 16,
    /** Remembered as valid: the five of each of 13,000 nodes, at 0.1 KiB each. */
    provenSignaturesMax: 65_536,
    /** Imported, which costs half a verification: the peer and the executor of each of 10,000 nodes. */
    importedKeysMax: 20_000
  },
  indication: {
    targetNodesMax: 512,
    parametersMax: 64,
    environmentMax: 64,
    valueBytesMax: 4 * KiB,
    nameLengthMax: 128,
    selectorLengthMax: 512,
    patternLengthMax: 1024,
    executablesMax: 32,
    optionsMax: 16,
    freeDiskMax: 8,
    factsMax: 16,
    /** Each of them takes up to 1.4 KiB of the statement. */
    capturesMax: 8,
    captureLengthMax: 256,
    /** So that the once-only journal may forget an id after its expiry and the clock tolerance. */
    validityMsMax: 90 * day,
    timeoutMsMax: 7 * day,
    timeoutMsMin: 100,
    labelsMax: 64
  },
  payload: {
    /** Travels beside its indication: below this a fetch costs more round trips than bytes. */
    inlineBytesMax: 16 * KiB,
    sizeBytesMax: 1024 * MiB,
    /** With 256 KiB blocks a swarm of seven moved a payload faster than with smaller or larger ones. */
    blockBytesMax: 256 * KiB,
    /** Links of one inner node: 1024 × about 50 bytes is 50 KiB, and two floors of nodes carry 256 GiB. */
    linksPerNodeMax: 1024,
    /** Floors below the root of a payload's graph: 2 are enough for 1024 links a node, 3 for the 174 of other tools. */
    depthMax: 3,
    /** A graph may hold 16 blocks and one for each 64 KiB: at most 16,400 for 1 GiB, so that a hostile one costs bounded work. */
    averageBlockBytesMin: 64 * KiB,
    /** What was added or fetched this recently is kept although no order names it yet. */
    unreferencedMsMax: 1 * hour
  },
  output: {
    /** Kept in the receipt itself, for each of stdout and stderr. */
    headBytesMax: 4 * KiB,
    /** The same for each captured file. */
    fileHeadBytesMax: 512,
    /** Kept whole up to this; the rest is counted and dropped, and the receipt says so. */
    streamBytesMax: 16 * MiB,
    /** The output store of one node: 32 whole pairs of streams, or some 100,000 outputs of the usual 10 KiB. */
    storeBytesMax: 1024 * MiB,
    /** As long as a labelled queue entry is kept. */
    storeAgeMsMax: 30 * day,
    /** An output whose end never came. */
    partAgeMsMax: 1 * day
  },
  trust: {
    /** Clocks may differ by this much; validity is judged with it on both sides. */
    clockToleranceMs: 10 * minute,
    /** A clock that was set by more than the tolerance is believed after this: whoever sets it wrongly has a minute to set it right. */
    clockSettleMs: 1 * minute,
    charterValidityMs: 400 * day,
    credentialValidityMs: 400 * day,
    sessionValidityMs: 1 * hour,
    inviteExpiryMsMax: 30 * day,
    inviteUsesMax: 10_000
  },
  network: {
    helloTimeoutMs: 10 * second,
    /** Each frame of a hello. */
    helloBytesMax: 256 * KiB,
    /** Charters that one hello hands over; a peer that is further behind gets the rest with the next. */
    helloChartersMax: 64,
    /** A refused peer gets this long to read why, and is dropped then. */
    refusalLingerMs: 1 * second,
    requestTimeoutMs: 30 * second,
    dialTimeoutMs: 5 * second,
    /** A request or an answer on any protocol of Writ. */
    messageBytesMax: 4 * MiB,
    connectionsMax: 2000,
    /** A restart of an endpoint brings all of its agents back at once. */
    inboundConnectionsPerSecondMax: 500,
    incomingPendingConnectionsMax: 500,
    /** The share of one remote address in those that have not said hello yet: whoever is silent there leaves room for the others. */
    pendingConnectionsPerAddressMax: 250,
    /** Within a second a refusal of each kind of intruder is worth a line in the log; a flood of them is not. */
    refusalsLoggedPerSecond: 1,
    refusalsLoggedBurst: 20,
    /**
     * On one connection, of all protocols together: above what conduct allows to ask at once, so that it is conduct that
     * notices. Bitswap, gossip and libp2p's own take a few dozen at most.
     */
    streamsPerConnectionMax: 512,
    /** Streams that the other side opens before this one has finished setting up the connection. */
    earlyStreamsMax: 64,
    /** An answer that its asker does not take within this is dropped: 4 MiB from 0.3 Mbit/s upwards. */
    answerStallMs: 2 * minute,
    /** Answers that wait to be read; beyond it the sender is made to wait. */
    readAheadBytesMax: 1 * MiB,
    /** Must not exceed what libp2p buffers for a paused stream, 4 MiB. */
    streamWindowBytesMax: 4 * MiB,
    /** Orderly closing of a stream or a connection; afterwards it is reset. */
    closeTimeoutMs: 1 * second,
    /** So often an idle connection is tried; one that does not answer is dropped. */
    pingIntervalMs: 15 * second,
    /** A machine that is overloaded for some seconds keeps its connections. */
    pingTimeoutMsMin: 15 * second,
    neighboursMax: 6,
    endpointsPerAgent: 2,
    /** As many as a charter may list. */
    endpointsMax: 64,
    /** For so long a command waits for the endpoint that answered the one before, when another is reached first. */
    firstChoiceMs: 300,
    reconnectMsMin: 250,
    reconnectMsMax: 30 * second
  },
  conduct: conductLimits,
  gossip: {
    /**
     * To how many a heard message is handed on. Whoever publishes tells all of its own peers, and each agent has two endpoints:
     * three more copies are enough to reach those whose endpoints were not told, and a machine pays for each copy.
     */
    meshPeers: 3,
    meshPeersMin: 2,
    meshPeersMax: 5,
    /** An entry with an indication, its inline payload, and the frame around them. */
    messageBytesMax: 160 * KiB,
    /** What libp2p sends at once: several messages and what it says about others. */
    frameBytesMax: 4 * MiB,
    /** Entries of one pull that the other endpoints are told of; of a longer backlog they learn by sync, which costs less for each. */
    relayedMax: 8,
    /** In one heartbeat, before a peer's score suffers. */
    brokenPromisesMax: 16
  },
  receipts: {
    /** States that follow each other within this share one entry, and so one signature; an outcome never waits. A short command is one entry. */
    settleMs: 200,
    /** Between two tries to keep receipts, where the disk is full. */
    retryMsMax: 10 * second
  },
  follow: {
    /** Changes of an order that come within this are shown together. */
    settleMs: 20,
    /** And so much longer where an order has many rows, since each look reads all: about a tenth of an endpoint's time, 1 s at 10,000. */
    rowsPerMs: 10,
    /** Looks again without a change: an order's expiry is one that no entry tells of. */
    refreshMs: 5 * second,
    /** With all of their heads full they take 3 MiB, which one message holds. */
    rowsPerPageMax: 128,
    /** An order is followed on through a lost endpoint, until none has answered for this long. */
    silenceMs: 2 * minute,
    retryMs: 500
  },
  pull: {
    intervalMs: 30 * second,
    /**
     * After a receipt was gossiped, acknowledgements are asked for once this much later: orders that follow each other share
     * the question, which costs an endpoint as much as several receipts. So late, at most, is a receipt that gossip lost.
     */
    settleMs: 10 * second,
    /** An order that needs a charter which its endpoint has not given yet: asked for again after this. */
    againMs: 1 * second,
    entriesBytesMax: 512 * KiB,
    ordersBytesMax: 1 * MiB,
    ordersMax: 64,
    haveMax: 1024,
    /** A node signs its presence anew after this: below the shortest wait between two timed questions, so that each of these brings news. */
    presenceAgeMs: 20 * second,
    /**
     * Lives of one author's log: a new one begins after each restored backup. At 100 bytes each an answer names them in 25 KiB.
     * At the bound nothing is appended any more, and the node must be enrolled anew.
     */
    livesMax: 256,
    /** How old the endpoints and neighbours in an answer may be. */
    directoryAgeMs: 2 * second
  },
  ownLog: {
    /** A checkpoint is some 2 KiB of credential for 256 entries of 1 KiB: below 1%. An outbox that is acknowledged keeps at most two of these runs. */
    checkpointEntries: 256,
    /** Dropped at once; what is left goes with the next. */
    trimEntriesMax: 4096,
    /** How long the second endpoint is waited for after the first has told how far it knows the own log. */
    secondAnswerMs: 5 * second,
    /** An endpoint's own agent waits this long for any other endpoint, and goes on in a new life then. */
    noAnswerMs: 10 * second,
    /** Lives that begin only because nobody could be asked leave half of them for restores. */
    precautionLivesMax: 128,
    /** Claims of one endpoint about the own log that came to nothing, as a fork that is known already does; the next ones are looked into by the timer. */
    barrenClaimsMax: 16,
    /** When every endpoint that answers lacks more of the log than is kept, others may still bring it by sync for this long. */
    strandedMs: 10 * minute
  },
  submit: {
    /** Once one endpoint holds an order, how long the next may keep the operator waiting. */
    nextHolderMs: 2 * second,
    /** And so much longer for a payload that it has to fetch: a slower link means that the operator hears of one holder only. */
    bytesPerSecondMin: 1 * MiB,
    /** An endpoint fetches a large payload from the admin before it accepts. */
    timeoutMs: 1 * hour,
    holdersWanted: 2,
    /** Commands that wait for their turn to append to one admin's log. */
    logTurnMs: 20 * second
  },
  sync: syncLimits,
  queue: {
    /** Entries that wait for an earlier one of their log. */
    pendingEntriesMax: 1024,
    pendingEntriesPerAuthorMax: 64,
    /** Heads kept in memory: 0.3 KiB each; two lives of 10,000 authors fit. */
    cachedLogsMax: 20_000,
    /** Entries that came lately and are known again without decoding: 0.3 KiB each; an outcome of each of 20,000 nodes. */
    recentEntriesMax: 20_000,
    /** Entries of a thawed log kept as evidence beside those that count: enough to see what its author did. */
    branchesKeptMax: 16,
    /** Orders kept in memory after their expiry, with one byte for each node: 10 MB at 10,000 nodes. */
    closedOrdersMax: 1024,
    /** What an agent may be handed along with one order. */
    controlsPerOrderMax: 16,
    /** Entries decoded before the thread pool gets them: long enough to keep it busy, short enough to let others in. */
    verifyChunk: 128,
    /** Entries that are being verified before more are decoded: some 15 ms of two cores, which the main thread may be busy with others. */
    verifiedAtOnce: 256,
    /** Entries of merges that wait to be applied before the next is begun: these are written while those are decoded. */
    mergedAheadMax: 768,
    /** Orders, and entries below checkpoints, that housekeeping drops before it lets others in: some milliseconds each. */
    prunedAtOnce: 256,
    /** Entries looked at for one log, and arrivals for all, in one go of housekeeping: a million are through within two days. */
    sweptAtOnce: 4096,
    /** Between two looks at what may be dropped. */
    housekeepingMs: 10 * minute,
    labelRetentionMs: 30 * day
  },
  executor: {
    concurrentJobs: 4,
    /** As many may be set: each is a process with its captured output. */
    concurrentJobsMax: 256,
    pendingJobsMax: 1024,
    /** TERM first, KILL after this. */
    killGraceMs: 2 * second,
    stopGraceMs: 10 * second,
    cacheBytesMax: 4096 * MiB,
    frameBytesMax: 1 * MiB,
    /** In one message to the executor: leaves room for the largest one more, and for what is around them. */
    chartersBytesMax: 512 * KiB,
    chunkBytesMax: 256 * KiB,
    /** With the longest names 9 KiB of what the agent is told. */
    ownFormatsMax: 256,
    /** Of one payload, asked of the agent at once: 32 bytes each. */
    rangesMax: 1024,
    /** In one message: at 24 KiB each they fill three quarters of a frame. */
    adoptedStatementsMax: 32,
    restartMsMin: 200,
    restartMsMax: 30 * second,
    /** Between the agent's start and the word that it is stable: its next restart waits the shortest time again. */
    agentStableMs: 1 * minute,
    /** At a stop, how long the agent may take to keep the last statements, and then to end. */
    agentStopMs: 2 * second,
    /** How often an executor looks whether its launcher still lives. */
    launcherLookMs: second,
    /** Between the word that a node has left and its end: its agent tells it to an endpoint, and asks once more whether it was heard. */
    leaveMs: 15 * second,
    /** An idempotent order that restarts interrupt is started this often in all, so that one that takes the machine down ends. */
    attemptsMax: 3,
    /** Whole outputs whose statements the agent has not kept yet; beyond it only heads are kept. 32 jobs with both streams full. */
    outputsBytesMax: 1024 * MiB,
    /** After the main process has ended: output that someone holds open is listened to while more comes within this, and so often. */
    drainMs: 500,
    drainRoundsMax: 10,
    /** Answers that wait for the agent to read; more of them are dropped. What it has not asked for is bounded by the orders that are held. */
    outboxMax: 4096,
    /** For an expected output; 16 MiB take about 30 ms, only a pattern that backtracks without end takes longer. */
    patternTimeoutMs: 1 * second,
    /** The kernel itself reads 256. */
    interpreterLineBytesMax: 512,
    /** A program that says its version: a fraction of a second, some seconds where the machine is overloaded. */
    versionTimeoutMs: 10 * second,
    /** Loading ClamAV's signatures takes 20 s, 1 GiB at 5 MiB/s 3.5 minutes. */
    scanTimeoutMs: 15 * minute,
    /** What such programs say: a line or some. */
    probeOutputBytesMax: 16 * KiB,
    /** 1024 arguments of 4 KiB. */
    commandBytesMax: 5 * MiB,
    /** While orders wait for their time, the clock is looked at this often: a jump ahead is not slept through. */
    clockLookMs: 1 * minute,
    /** Between two tries at a journal that cannot be written. */
    journalRetryMsMin: 250,
    journalRetryMsMax: 10 * second,
    /** How often ids are forgotten that have expired. */
    housekeepingMs: 1 * hour
  },
  fetch: fetchLimits,
  status: {
    intervalMs: 1 * second,
    /** The status is written down at least this often, so that a reader can tell an old one. */
    ageMs: 30 * second
  },
  query: {
    rowsMax: 10_000,
    /** Entries shown of one fork, evidence kept of a thawed one and some: a page of 256 forks with 32 ids of 53 bytes each takes 0.5 MiB. */
    branchesMax: 32
  },
  ...jobLimits,
  ...storageLimits,
  cli: cliLimits
} as const
