import pytest
from image_tool import SHARED, Tool


@pytest.fixture(scope="session")
def tool(tmp_path_factory):
    made = Tool(tmp_path_factory.mktemp("tool"))
    yield made
    made.process.stdin.close()
    made.process.wait()


@pytest.fixture(scope="session")
def shared_pictures():
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"no pictures at {folder} (OCTAVO_SHARED names the folder)")
    return folder
