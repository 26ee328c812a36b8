package cutover

// contract is what an action does, and what proves that it is in effect. An outcome is said after the reading back.
type contract struct {
	Action
	does, readBack string
}

// contracts holds every action. The page docs/cutover.md prints it.
var contracts = []contract{
	{Action{Verb: Do, Step: Preflight}, "asks whether the cutover may begin", "decision GO and fresh, approved by a second person; old transactions, leftover fences, each switch at legacy, forecast"},
	{Action{Verb: Do, Step: Hold}, "verifies on until a person says go, and until the window need not read all events (with a million or more)", "the migration's name as typed; the preflight still passes"},
	{Action{Verb: Do, Step: Fence}, "takes the fence's lock in a session of its own; having it is the drain", "the session holds the lock, and a probe write is refused"},
	{Action{Verb: Do, Step: Barrier}, "reads the positions, and waits until they are reached", "event store, stream and projection have reached a position that was read after the drain"},
	{Action{Verb: Do, Step: FinalVerification}, "compares all that changed since the watermark, and the counts", "the pass's verdict, by snapshots that were taken after the barrier"},
	{Action{Verb: Do, Step: PermanentFence}, "writes the fence's seal, in the session that has held the lock since the drain", "legacy and all its standbys have the seal"},
	{Action{Verb: Do, Step: SwitchReads}, "runs the user's switch of reads", "the switch's check, and a read by the clients' way"},
	{Action{Verb: Do, Step: SwitchWrites}, "runs the user's switch of writes", "the switch's check, and a probe by the clients' way"},
	{Action{Verb: Do, Step: Release}, "ends the fence's session, so that writers that waited are refused", "nobody holds the lock"},
	{Action{Verb: Do, Step: TailCheck}, "looks for legacy rows written at or after the fence, and counts the rows", "what it read, when no transaction from before the release is open at legacy"},
	{Action{Verb: Undo, Step: SwitchWrites}, "closes the new side to writes", "the switch's check, and a probe write that is refused by the clients' way"},
	{Action{Verb: Do, Step: Proof}, "asks whether legacy has every write that the new side acknowledged", "nothing stored after the barrier's positions, or all of it applied by a verified reverse feed; read when no transaction from before the close is open at the new side"},
	{Action{Verb: Undo, Step: SwitchReads}, "runs the user's undo of the switch of reads", "the switch's check, and a read by the clients' way"},
	{Action{Verb: Undo, Step: PermanentFence}, "opens the fence's seal", "legacy has the open seal"},
	{Action{Verb: Undo, Step: Fence}, "ends every session that holds the lock", "legacy accepts a probe write, which is rolled back"},
	{Action{Verb: Evict}, "ends the sessions of earlier attempts and epochs, and waits for the deadlines of what cannot be ended", "no such session, and every such deadline has passed"},
}

// Does says what the action does, for people.
func (a Action) Does() string { return a.contract().does }

// ReadBack says what the coordinator reads before it says that the action is done.
func (a Action) ReadBack() string { return a.contract().readBack }

func (a Action) contract() contract {
	a.Slice = ""
	for _, c := range contracts {
		if c.Action == a {
			return c
		}
	}
	return contract{}
}
