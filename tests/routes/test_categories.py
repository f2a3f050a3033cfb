"""Categories over HTTP."""

from tests.routes import doors as both

doors = both.doors


def test_both_doors_make_and_show_the_same_tree(doors):
    doors.change(
        "products category add poetry --name Poetry",
        "/categories",
        {"slug": "poetry", "name": "Poetry"},
        201,
    )
    body = {"slug": "Young Adult", "parent": "poetry"}
    doors.change("products category add 'Young Adult' --parent poetry", "/categories", body, 201)
    doors.change("products category add haiku", "/categories", {"slug": "haiku"}, 201)
    doors.bvinv("products update HX-1 --category young-adult")
    doors.look("products category list", "/categories", "viewer")
    doors.look("products category show poetry", "/categories/poetry", "viewer")
    doors.look("products category show poetry", "/categories/Poetry")
    doors.look("products category show no", "/categories/no")
    doors.change(
        "products category move haiku --parent poetry",
        "/categories/haiku/move",
        {"parent": "poetry"},
    )
    doors.change("products category move haiku --top", "/categories/haiku/move", {"parent": None})
    doors.refuse(
        "products category move poetry --parent young-adult",
        "/categories/poetry/move",
        {"parent": "young-adult"},
    )
    doors.refuse("products category add poetry", "/categories", {"slug": "poetry"})
    doors.refuse("products category add '!'", "/categories", {"slug": "!"})
    doors.refuse(
        "products category add x --parent no", "/categories", {"slug": "x", "parent": "no"}
    )


def test_a_category_is_renamed_and_deleted(doors):
    api, bvinv = doors.api, doors.bvinv
    bvinv("products category add poetry")
    bvinv("products category add haiku --parent poetry")
    for line, method, slug, body in (
        ("rename no x", "PATCH", "no", {"name": "x"}),
        ("delete no", "DELETE", "no", None),
        ("delete poetry", "DELETE", "poetry", None),
    ):
        problem = bvinv(f"products category {line} --format json").problem
        said = api.send(method, f"/categories/{slug}", "admin", json=body)
        assert (said.status, said.json) == (problem["status"], problem)
    tried = bvinv("products category rename haiku Haiku --dry-run --format json").json
    assert api.patch("/categories/haiku?dry_run=true", {"name": "Haiku"}).json == tried
    said = api.patch("/categories/haiku", {"name": "Haiku"})
    assert (said.status, said.json["name"], said.json["slug"]) == (200, "Haiku", "haiku")
    tried = bvinv("products category delete haiku --dry-run --format json").json
    assert api.delete("/categories/haiku?dry_run=true").json == tried
    assert api.delete("/categories/haiku").json["slug"] == "haiku"
    assert [row["slug"] for row in api.get("/categories").json] == ["poetry"]


def test_categories_are_for_admins_and_say_nothing_unknown(api):
    api.post("/categories", {"slug": "x"}, "manager").refused(403, "not-permitted")
    api.patch("/categories/x", {"name": "x"}, "manager").refused(403, "not-permitted")
    api.post("/categories/x/move", {"parent": None}, "manager").refused(403, "not-permitted")
    api.delete("/categories/x", "manager").refused(403, "not-permitted")
    for body in ({}, {"slug": ""}, {"slug": 1}, {"slug": "x", "products": 1}, [], "x"):
        api.post("/categories", body).refused(422, "invalid-input")
    for body in ({}, {"parent": ""}, {"parent": 1}, {"to": "x"}):
        api.post("/categories/x/move", body).refused(422, "invalid-input")
    assert api.get("/categories").json == []
