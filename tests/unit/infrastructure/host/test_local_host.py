"""Which file system a path is on, by what Linux tells of its mounts."""

import pytest

from vespera.infrastructure.host.local_host import file_system_of

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:50 / /mnt/share rw - nfs4 server:/export rw,vers=4.2
31 22 0:51 / /mnt/share/local rw - xfs /dev/sdb1 rw
32 22 0:52 / /mnt/two\\040words rw - cifs //server/share rw
33 22 0:53 / /mnt/over rw - ext4 /dev/sdc1 rw
34 33 0:54 / /mnt/over rw shared:9 master:2 - tmpfs none rw
a line of another form
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/me/work.db", "ext4"),
        ("/mnt/share", "nfs4"),
        ("/mnt/share/deep/work.db", "nfs4"),
        ("/mnt/shared/work.db", "ext4"),
        ("/mnt/share/local/work.db", "xfs"),
        ("/mnt/two words/work.db", "cifs"),
        ("/mnt/over/work.db", "tmpfs"),
    ],
)
def test_the_nearest_and_latest_mount_holds_a_path(path, kind):
    assert file_system_of(path, MOUNTS) == kind


def test_where_nothing_is_told_nothing_is_known():
    assert file_system_of("/home", "") == ""
