import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/** mongo-java-server under a version that today's drivers talk to. Argument: the port on 127.0.0.1. */
class MongoServer {
  static class Version implements MongoVersion {
    public List<Integer> getVersionArray() { return List.of(5, 0, 0); }
    public int getWireVersion() { return 13; }
  }

  public static void main(String[] args) {
    var backend = new MemoryBackend().version(new Version());
    new de.bwaldvogel.mongo.MongoServer(backend).bind("127.0.0.1", Integer.parseInt(args[0]));
  }
}
