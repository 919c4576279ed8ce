// Files and directories are whole or absent, whatever goes wrong.
#include "cli/files.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/folder.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;

const char *const kManifest = R"({"lacuna": "0.1.0"})";

void put(const fs::path &path, const std::string &text) { std::ofstream(path) << text; }

class Files : public Folder {};

// What a StagedDirectory of target says against it, or "".
std::string refusal(const std::string &target) {
    return refusal_of([&] { const StagedDirectory staged(target); });
}

using Names = std::set<std::string>;

TEST_F(Files, WritesAndReadsBytes) {
    const std::string bytes("a\0b\n\xff", 5);
    write_file_atomically(at("x"), bytes);
    EXPECT_EQ(read_file(at("x")), bytes);
    write_file_atomically(at("x"), "");
    EXPECT_EQ(read_file(at("x")), "");
    EXPECT_EQ(names(), Names{"x"});
}

TEST_F(Files, KeepsPermissionsAndFollowsLinks) {
    put(at("x"), "old");
    ::chmod(at("x").c_str(), 0640);
    fs::create_symlink("x", at("link"));
    write_file_atomically(at("link"), "new");
    EXPECT_TRUE(fs::is_symlink(at("link")));
    EXPECT_EQ(read_file(at("x")), "new");
    EXPECT_EQ(fs::status(at("x")).permissions(), fs::perms(0640));
}

TEST_F(Files, LongNamesFit) {
    const std::string name(255, 'n');
    write_file_atomically(at(name), "x");
    EXPECT_EQ(names(), Names{name});
}

TEST_F(Files, MessagesNamePathAndReason) {
    const auto message = [](const std::string &path) {
        return refusal_of([&] { write_file_atomically(path, "x"); });
    };
    put(at("file"), "");
    EXPECT_EQ(message(at("no/x")), at("no/x") + ": cannot write: No such file or directory");
    EXPECT_EQ(message(at("file/x")), at("file/x") + ": cannot write: Not a directory");
    EXPECT_EQ(message(folder), folder.string() + ": cannot write: Is a directory");
    EXPECT_EQ(message("/dev/full"), "/dev/full: cannot write: No space left on device");
    EXPECT_NE(message(""), "");
    EXPECT_NE(message("/"), "");
    EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(Files, ReadMessagesNamePathAndReason) {
    for (const auto &[path, reason] : {std::pair<std::string, std::string>{at("no"), "No such"},
                                       {folder.string(), "Is a directory"}}) {
        const std::string message = refusal_of([&, path = path] { read_file(path); });
        EXPECT_EQ(message.find(path + ": cannot "), 0U) << message;
        EXPECT_NE(message.find(reason), std::string::npos) << message;
    }
}

// A limit on file sizes stands in for a full disk: write() fails after some bytes went through.
TEST_F(Files, AFullDiskLeavesTheOldFile) {
    put(at("x"), "old");
    rlimit limit{}, tight{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    tight = {1000, limit.rlim_max};
    const auto handler = ::signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
    EXPECT_THROW(write_file_atomically(at("x"), std::string(5000, 'n')), Failure);
    EXPECT_THROW(write_file_atomically(at("y"), std::string(5000, 'n')), Failure);
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::signal(SIGXFSZ, handler);
    EXPECT_EQ(read_file(at("x")), "old");
    EXPECT_EQ(names(), Names{"x"});
}

TEST_F(Files, StagedDirectoryAppearsOnCommit) {
    StagedDirectory staged(at("a/b/out/"));
    put(staged.path() / "manifest.json", kManifest);
    fs::create_directory(staged.path() / "lib");
    put(staged.path() / "lib/x", "x");
    EXPECT_FALSE(fs::exists(at("a/b/out")));
    staged.commit();
    EXPECT_EQ(read_file(at("a/b/out/lib/x")), "x");
    EXPECT_EQ(std::distance(fs::directory_iterator(at("a/b")), {}), 1);
}

TEST_F(Files, CommitReplacesTheOldBundleWhole) {
    fs::create_directory(at("out"));
    put(at("out/manifest.json"), kManifest);
    put(at("out/gone"), "");
    fs::permissions(at("out"), fs::perms(0750));
    StagedDirectory staged(at("out"));
    put(staged.path() / "new", "");
    EXPECT_TRUE(fs::exists(at("out/gone")));
    staged.commit();
    EXPECT_FALSE(fs::exists(at("out/gone")));
    EXPECT_TRUE(fs::exists(at("out/new")));
    EXPECT_EQ(fs::status(at("out")).permissions(), fs::perms(0750));
    EXPECT_EQ(names(), Names{"out"});
}

TEST_F(Files, WithoutCommitNothingChanges) {
    fs::create_directory(at("out"));
    put(at("out/manifest.json"), kManifest);
    {
        const StagedDirectory staged(at("out"));
        put(staged.path() / "new", "");
        EXPECT_EQ(names().size(), 2U);
    }
    EXPECT_EQ(names(), Names{"out"});
    EXPECT_EQ(std::distance(fs::directory_iterator(at("out")), {}), 1);
}

TEST_F(Files, ForeignDirectoriesAreRefused) {
    put(at("file"), "");
    EXPECT_NE(refusal(at("file")).find("is a file"), std::string::npos);
    fs::create_directory(at("out"));
    EXPECT_EQ(refusal(at("out")), "");
    put(at("out/photo"), "");
    EXPECT_NE(refusal(at("out")).find(at("out") + ": would overwrite foreign"), std::string::npos);
    for (const char *foreign : {R"({"name": "a web app"})", "{", "[]", R"({"lacuna": 1})"}) {
        put(at("out/manifest.json"), foreign);
        EXPECT_NE(refusal(at("out")), "") << foreign;
    }
    put(at("out/manifest.json"), kManifest);
    EXPECT_EQ(refusal(at("out")), "");
    EXPECT_EQ(names(), (Names{"file", "out"}));
}

TEST_F(Files, CommitRefusesWhatAppearedMeanwhile) {
    StagedDirectory staged(at("out"));
    fs::create_directory(at("out"));
    put(at("out/photo"), "");
    EXPECT_THROW(staged.commit(), Failure);
    EXPECT_TRUE(fs::exists(at("out/photo")));
}

TEST_F(Files, TheCurrentDirectoryIsRefused) {
    const fs::path before = fs::current_path();
    fs::current_path(folder);
    EXPECT_NE(refusal(".").find("is the current directory"), std::string::npos);
    fs::current_path(before);
    EXPECT_NE(refusal("/"), "");
    EXPECT_NE(refusal("/proc/x"), "");
}

TEST_F(Files, LeftoversOfTheDeadAreRemoved) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ::waitpid(child, nullptr, 0);
    const std::string dead = std::to_string(child), alive = std::to_string(::getppid());
    const Names stay = {".out." + alive + ".tmp", ".out.x.tmp", ".out." + dead, ".out.tmp",
                        ".other." + dead + ".tmp"};
    Names all = {".out." + dead + ".tmp", ".out." + dead + ".old.tmp"};
    all.insert(stay.begin(), stay.end());
    for (const std::string &name : all) {
        fs::create_directory(at(name));
        put(at(name + "/x"), "");
    }
    EXPECT_EQ(refusal(at("out")), "");
    EXPECT_EQ(names(), stay);
}

TEST_F(Files, AnInterruptedRunLeavesTheOldDirectory) {
    fs::create_directory(at("out"));
    put(at("out/manifest.json"), kManifest);
    const pid_t child = ::fork();
    if (child == 0) {
        const StagedDirectory staged(at("out"));
        put(staged.path() / "half", "");
        ::_exit(0);  // no destructor runs
    }
    ::waitpid(child, nullptr, 0);
    EXPECT_EQ(names().size(), 2U);
    EXPECT_FALSE(fs::exists(at("out/half")));
    EXPECT_EQ(refusal(at("out")), "");
    EXPECT_EQ(names(), Names{"out"});
}

}  // namespace
}  // namespace lacuna
