"""Stock that comes from a file."""

from bvinv import door, importing
from bvinv.commands.stock.group import app
from bvinv.door import Call


@door.changes(app, "import")
def import_(
    call: Call,
    file: door.File,
    mapping: importing.Mapping = None,
    no_header: importing.NoHeader = False,
    encoding: importing.Encoding = None,
    delimiter: importing.Delimiter = None,
    rejects: importing.Rejects = None,
    ignore_unknown: importing.IgnoreUnknown = False,
    atomic: importing.Atomic = False,
    resume: importing.Resume = False,
) -> None:
    """Import opening balances or adjustments from a file.

    Without a reason a row is an opening balance; with one its quantity is a change. The same file
    again changes nothing, as each row of a file is posted once; with --resume a run that was cut
    off answers for all of its rows, not only for the rest.

    Example: bvinv stock import counts.csv --rejects refused.csv
    """
    from bvinv.core.imports import stock as stock_imports
    from bvinv.core.imports.runs import Layout, Terms

    layout = Layout(importing.columns(mapping), ignore_unknown, encoding, delimiter, not no_header)
    with door.opened(file) as source, importing.watched(call, file, atomic=atomic) as watch:
        row = stock_imports.import_stock(
            call.database,
            source,
            actor=call.actor,
            name=importing.called(file),
            layout=layout,
            terms=Terms(rejects, call.dry_run, atomic, resume, call.key, watch),
        )
    importing.show(call, row, atomic=atomic)
