"""The report of a job as a page that needs nothing else."""
from vssn.fleet.job import FleetRun
from vssn.fleet.manifest import Manifest
from vssn.fleet.places import Place


def write_report(run: FleetRun, manifest: Manifest, place: Place) -> None:
    place.write("report.html", b"")
