"""Demand from before bvinv."""

from bvinv import door, importing
from bvinv.commands.forecast.group import app
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
) -> None:
    """Import what was sold before bvinv, day by day.

    The columns are sku,date,quantity[,warehouse]. Rows of one day add up, and a day that an earlier
    file had is replaced, so the same file again changes nothing; after a mistake mend the whole
    file, not only what was refused. A week's total may stand on any day of it, a return has a
    minus. Without a warehouse it is the one of first priority. From the first sale that bvinv
    knows of a product there, it counts alone.

    Example: bvinv forecast import sales.csv --rejects refused.csv
    """
    from bvinv.core.imports.runs import Layout, Terms
    from bvinv.core.replenishment import history

    layout = Layout(importing.columns(mapping), ignore_unknown, encoding, delimiter, not no_header)
    with door.opened(file) as source, importing.watched(call, file, resumes=False) as watch:
        row = history.import_demand(
            call.database,
            source,
            actor=call.actor,
            name=importing.called(file),
            layout=layout,
            terms=Terms(rejects, call.dry_run, key=call.key, watch=watch),
        )
    importing.show(call, row, atomic=False)
