"""Step after step as LLVM IR, until a lane needs the driver: no loop over lanes, no calls between steps.

The function ``march`` makes steps of all lanes at once. `h` is the step that is controlled, `used` the one that is
tried, `target` where it must not go beyond. It returns when in some active lane a good step reaches the time `due`, or
the lane cannot go on; what became of each lane is its `verdict`, and `which` lists the lanes where that is not 0,
behind their number:

=====  ==================================================================================================
0      nothing to do: good steps were taken (``take`` is 1 where y is still to become w), or one is repeated
1      a good step from `t` to `after` has reached `due`; neither `t` nor y is moved
2      `stretch` has reached `most` steps
3      steps have become too small for the time to move
=====  ==================================================================================================
"""

from __future__ import annotations

from pkpd_mdr.engine.machine.lanes import Code

__all__ = ["march"]

_ARGUMENTS = [
    "%y", "%q", "%u", "%t", "%h", "%used", "%target", "%due", "%active", "%tol", "%most", "%take", "%k", "%w", "%work",
    "%e", "%steps", "%stretch", "%after", "%verdict", "%which",
]  # fmt: skip
_STEP = ["%y", "%q", "%u", "%t", "%used", "%tol", "%take", "%k", "%w", "%work", "%e"]


def march(width: int) -> list[str]:
    """The function ``march`` for a module that has ``step``."""
    code = Code(width)
    _try(code)
    code.lines.append(f"call void @step({', '.join(f'ptr {item}' for item in _STEP)})")
    bits = _judge(code)
    given = ", ".join(f"ptr noalias {item}" for item in _ARGUMENTS)
    head = [f"define void @march({given}) {{", "entry:", "br label %again", "again:"]
    kind = f"i{width}"
    tell = [
        f"%stop = icmp ne {kind} {bits}, 0",
        "br i1 %stop, label %done, label %again",
        "done:",
        f"%told = zext {kind} {bits} to i64",
        "br label %next",
        "next:",
        "%rest = phi i64 [%told, %done], [%less, %next]",
        "%count = phi i64 [0, %done], [%more, %next]",
        "%lane = call i64 @llvm.cttz.i64(i64 %rest, i1 true)",
        "%more = add i64 %count, 1",
        "%place = getelementptr inbounds i64, ptr %which, i64 %more",
        "store i64 %lane, ptr %place, align 8",
        "%lower = sub i64 %rest, 1",
        "%less = and i64 %rest, %lower",
        "%all = icmp eq i64 %less, 0",
        "br i1 %all, label %end, label %next",
        "end:",
        "store i64 %more, ptr %which, align 8",
        "ret void",
        "}",
    ]
    return ["declare i64 @llvm.cttz.i64(i64, i1)", *head, *code.lines, *tell]


def _try(code: Code) -> None:
    """The step to try: up to the target, half the way where one step would not suffice, or as controlled."""
    t, h = code.load("%t", 0), code.load("%h", 0)
    left = code.binary("fsub", code.load("%target", 0), t)
    near = code.compare("fcmp oge", code.binary("fmul", h, code.constant(1.0001)), left)
    half = code.compare("fcmp ogt", code.binary("fmul", h, code.constant(2.0)), left)
    used = code.select(near, left, code.select(half, code.binary("fmul", left, code.constant(0.5)), h))
    active = code.compare("fcmp ogt", code.load("%active", 0), code.constant(0.0))
    code.store(code.select(active, used, code.constant(1e-3)), "%used", 0)


def _judge(code: Code) -> str:
    """After a step: the next `h`, the counts, the time of lanes that march on; returns bits of lanes that do not."""
    one, zero = code.constant(1.0), code.constant(0.0)
    used, h, t, active = (code.load(name, 0) for name in ("%used", "%h", "%t", "%active"))
    good = code.compare("fcmp ole", code.load("%e", 0), one)
    growth = code.load("%e", 1)
    for name in ("%steps", "%stretch"):
        code.store(code.binary("fadd", code.load(name, 0), active), name, 0)
    left = code.binary("fsub", code.load("%target", 0), t)
    whole = code.compare("fcmp oeq", used, left)
    after = code.select(whole, code.load("%target", 0), code.binary("fadd", t, used))
    code.store(after, "%after", 0)
    following = code.binary("fmul", used, growth)
    # a step that was cut short for an event says little about the next
    short = code.compare("fcmp olt", used, code.binary("fmul", h, code.constant(0.999)))
    kept = code.larger(following, h)
    accepted = code.select(short, kept, following)
    limit = code.constant(0.9)
    shrunk = code.binary("fmul", used, code.smaller(growth, limit))
    step = code.select(good, accepted, shrunk)
    code.store(step, "%h", 0)
    size = code.intrinsic("fabs", t)
    least = code.constant(1e-3)
    size = code.larger(size, least)
    stuck = code.compare("fcmp olt", step, code.binary("fmul", size, code.constant(1e-15)))
    lost = code.select(good, zero, code.select(stuck, code.constant(3.0), zero))
    over = code.compare("fcmp oge", code.load("%stretch", 0), code.spread("%most", 0))
    reached = code.select(code.compare("fcmp oge", after, code.load("%due", 0)), one, zero)
    verdict = code.select(good, reached, lost)
    verdict = code.select(over, code.select(code.compare("fcmp ogt", lost, zero), lost, code.constant(2.0)), verdict)
    verdict = code.binary("fmul", verdict, active)
    code.store(verdict, "%verdict", 0)
    settled = code.compare("fcmp ogt", verdict, zero)
    moved = code.select(settled, zero, code.binary("fmul", code.select(good, one, zero), active))
    code.store(moved, "%take", 0)
    code.store(code.select(code.compare("fcmp ogt", moved, zero), after, t), "%t", 0)
    kind = f"<{code.width} x i1>"
    return code.new(f"bitcast {kind} {settled} to i{code.width}")
